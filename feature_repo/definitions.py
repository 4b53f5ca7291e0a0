"""What `feast -c feature_repo apply` reads: every object of `feature_repo.feast_objects`, for the settings that stand.

A HOME that is not absolute counts from the folder above this one, since Feast's command changes into this folder.
"""

from pathlib import Path

from feature_repo.feast_objects import objects
from scoreops.adapters.settings import Settings

_given = Settings()
_settings = _given.model_copy(update={"home": Path(__file__).resolve().parents[1] / _given.home})
globals().update(objects(_settings.offline_dir))
