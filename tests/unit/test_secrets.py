"""The secrets of an installation: made at first use, once, and never taken for nothing."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput

MANY = 16


def test_all_who_begin_at_once_have_the_same_secret(tmp_path):
    with ThreadPoolExecutor(MANY) as pool:
        for attempt in range(20):
            settings = Settings(home=tmp_path / str(attempt))
            found = set(pool.map(settings.secret, ["api_key"] * MANY))
            assert [len(one) for one in found] == [64]
            (file,) = (settings.root / "secrets").iterdir()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_empty_secret_is_refused(tmp_path):
    settings = Settings(home=tmp_path)
    settings.secret("api_key")
    (file,) = (tmp_path / "secrets").iterdir()
    file.write_text("")
    with pytest.raises(BadInput, match="is empty; remove it, and a new one is made"):
        settings.secret("api_key")
