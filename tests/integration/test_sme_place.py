"""Before a night begins it says, in sentences, what it lacks."""

from __future__ import annotations

from datetime import date

from feature_repo.sme.place import missing
from scoreops.adapters.settings import Settings

DAY = date(2026, 3, 31)


def test_everything_that_lacks_is_said_at_once(tmp_path):
    settings = Settings(home=tmp_path, port_base=60_000, lake=None)
    said = missing(settings, DAY, tmp_path / "landing", predict=True)
    assert len(said) == 2
    assert "there is no folder" in said[0]
    assert said[1].startswith("the registry has no answer: MLflow does not answer")


def test_a_day_without_files_is_named_and_one_with_files_is_not(tmp_path):
    settings = Settings(home=tmp_path, lake=None)
    (tmp_path / "landing" / "2026-03-31").mkdir(parents=True)
    assert missing(settings, DAY, tmp_path / "landing", predict=False) == []
    (said,) = missing(settings, date(2026, 4, 1), tmp_path / "landing", predict=False)
    assert "nothing was delivered for 2026-04-01" in said


def test_predictions_need_tables(tmp_path):
    (said,) = missing(Settings(home=tmp_path, lake=None), DAY, None, predict=False)
    assert "nothing has been built yet" in said
