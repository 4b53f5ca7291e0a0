"""The demo on a terminal: how rollouts stand and what requests meet, as it happens; plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import strftime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.demo.traffic import Tally
from scoreops.cli.rollout_view import Shown, line_of, picture


class Follower:
    """Shows moments, each over the one before where that is possible, and else only what has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said: dict[str, str] = {}
        self._tally: Callable[[], Tally] = Tally

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Moments are shown within this block."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def watch(self, tally: Callable[[], Tally]) -> None:
        """From now on `tally` says what requests meet."""
        self._tally = tally

    def tell(self, words: str) -> None:
        """A line that stays."""
        self._console.print(f"{strftime('%H:%M:%S')} {words}", highlight=False)

    def show(self, rollouts: Sequence[Shown]) -> None:
        """How they stand now."""
        if self._live is not None:
            self._live.update(Group(*map(picture, rollouts), Text(requests(self._tally()))), refresh=True)
            return
        for one in rollouts:
            line = line_of(one)
            if self._said.get(one.rollout) != line:
                self._said[one.rollout] = line
                self.tell(line)


def requests(tally: Tally) -> str:
    """Answers by version, and failures."""
    shares = ", ".join(f"{count:,} by v{version}" for version, count in sorted(tally.answers.items()))
    return f"requests to trust: {shares or 'none yet'}; {tally.failed} failed"


def table(rows: Sequence[Sequence[str]]) -> Table:
    """What happened, a row for each thing that was tried."""
    grid = Table(header_style="bold")
    for name in ("tried", "ended", "at most", "in", "answers", "failed", "right"):
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
