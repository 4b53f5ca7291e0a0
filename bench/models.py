"""Models on public data: our figures beside the published ones; --test judges unseen files of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bench import _sme
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound, Unsupported

SUITES: Final[Mapping[str, tuple[Callable[[Path, Path | None], list[dict[str, Any]]], ...]]] = {
    "sme": (_sme.late, _sme.cash, _sme.anomalies),
}


def main(*, suite: str = "sme", data: Path | None = None, test: Path | None = None) -> Mapping[str, object]:
    """Figures by data set, part and measure. `data` is the folder of the data sets, by default SCOREOPS_DATA."""
    if suite not in SUITES:
        raise Unsupported(f"{suite!r} is not one of the suites {', '.join(SUITES)}")
    folder = data or Settings().data
    for given in (folder, test):
        if given is not None and not given.is_dir():
            raise NotFound(f"there is no folder {given}; name it with --data or --test, or set SCOREOPS_DATA")
    rows = [row for judge in SUITES[suite] for row in judge(folder, test)]
    return {
        f"{row['data']}, {row['part']}: {row['measure']}": {"ours": row["ours"], "published": row["published"]}
        for row in rows
    }
