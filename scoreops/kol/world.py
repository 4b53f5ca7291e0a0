"""A generated world of influencers: events as they would arrive, and the truth behind them.

Honest accounts grow by themselves, go viral or are mentioned elsewhere; others buy followers, trade comments in pods
or let bots write. Classes overlap: cheats come in every strength, and honest accounts have their oddities. All in it
is invented; nothing in it stands for a real person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from scoreops.core.errors import BadInput
from scoreops.kol import world_growth as growth
from scoreops.kol import world_shop as shop
from scoreops.kol import world_talk as talk
from scoreops.kol.world_cast import PLATFORMS, Bools, Cast, Ints, cast
from scoreops.kol.world_clock import HOUR_US, Clock
from scoreops.kol.world_phrases import phrasebook
from scoreops.kol.world_wire import Tally, arrivals, events


@dataclass(frozen=True)
class WorldSpec:
    """What is generated. The same spec gives the same bytes. The world ends at `end`, a whole hour of the past."""

    kols: int = 500
    days: int = 21
    seed: int = 7
    end: datetime = datetime(2026, 3, 22, 3, tzinfo=UTC)

    def __post_init__(self) -> None:
        if not 1 <= self.kols <= 99_999:
            raise BadInput(f"is {self.kols}, must lie in [1, 99999]", "kols")
        if not 1 <= self.days <= 366:
            raise BadInput(f"is {self.days}, must lie in [1, 366]", "days")
        if self.seed < 0:
            raise BadInput(f"is {self.seed}, must not be negative", "seed")
        if self.end.tzinfo is None or self.end.timestamp() % 3600:
            raise BadInput("must be a whole hour with its time zone", "end")

    @property
    def clock(self) -> Clock:
        """Its hours."""
        stop = int(self.end.timestamp()) // 3600
        return Clock(stop - self.days * 24, stop)


class World:
    """One generated world: who lives in it, what happens, and the lines that a collector would receive."""

    def __init__(self, spec: WorldSpec) -> None:
        self.spec = spec
        self.clock = spec.clock
        self.tally = Tally()
        """What `lines` has put out so far."""
        self._streams = iter(np.random.default_rng(spec.seed).spawn(12))
        self.cast: Cast = cast(spec.kols, next(self._streams))
        usual_posts = growth.publish(self.cast, self.clock, next(self._streams))
        usual = growth.usual_gains(self.cast, usual_posts, self.clock, next(self._streams))
        planned = growth.plan_spikes(self.cast, usual_posts, usual, self.clock, next(self._streams))
        extra, self.spikes = growth.deliver(planned, self.cast, usual, self.clock, next(self._streams))
        self.posts = growth.explain(usual_posts, self.spikes, self.cast, next(self._streams))
        gained: Ints = (usual + extra).cumsum(axis=1)
        self.followers: Ints = np.maximum(self.cast.followers[:, None] + gained, 0)
        """(kols, hours) what a look at the profile in that hour finds."""
        self.storms = talk.plan_storms(self.cast, self.clock, next(self._streams))
        self.campaigns = shop.plan_campaigns(self.cast, self.clock, next(self._streams))
        seen = growth.by_hour(self.posts, self.posts.views, self.clock, spec.kols)
        self._rates, self._running = shop.visit_rates(self.cast, self.campaigns, seen, self.clock, next(self._streams))

    def lines(self) -> Iterator[list[bytes]]:
        """Lines of JSON in order of arrival, without line breaks, some hours at a time."""
        self.tally = Tally()
        daily, wire = np.random.default_rng([self.spec.seed, 1]).spawn(2)
        return arrivals(self._days(daily), wire, self.tally)

    def _days(self, rng: np.random.Generator) -> Iterator[tuple[int, dict[str, pl.DataFrame]]]:
        for start in range(self.clock.start, self.clock.stop, 24):
            stop = min(start + 24, self.clock.stop)
            yield (
                stop * HOUR_US,
                {
                    "profile": self._profiles(start, stop),
                    "post_metrics": self._looks(start, stop),
                    "comment": self._comments(start, stop, rng),
                    **self._visits(start, stop, rng),
                },
            )

    def _who(self, kol: Ints) -> dict[str, pl.Series]:
        return {
            "platform": self._platforms.gather(kol),
            "kol_id": self._ids.gather(kol),
        }

    @cached_property
    def _ids(self) -> pl.Series:
        return pl.Series(self.cast.ids, dtype=pl.String)

    @cached_property
    def _platforms(self) -> pl.Series:
        return pl.Series([PLATFORMS[i] for i in self.cast.platform], dtype=pl.String)

    @cached_property
    def _post_ids(self) -> pl.Series:
        return pl.Series(
            [f"{self.cast.ids[k]}-p{i:03d}" for k, i in zip(self.posts.kol, self.posts.number, strict=True)],
            dtype=pl.String,
        )

    @cached_property
    def _campaign_ids(self) -> pl.Series:
        return pl.Series([self.campaigns.id_of(i, self.cast) for i in range(len(self.campaigns.kol))], dtype=pl.String)

    @cached_property
    def _counters(self) -> dict[str, Ints]:
        """(posts, looks) counters as shown: cumulative."""
        shown = {name: getattr(self.posts, name) for name in ("views", "likes", "comments", "shares")}
        return {name: np.floor(values.cumsum(axis=1)).astype(np.int64) for name, values in shown.items()}

    @cached_property
    def _published(self) -> Ints:
        """(kols, hours + 1) posts so far at the beginning of each hour, those before the world included."""
        hour = np.clip(self.posts.published_us // HOUR_US - self.clock.start + 1, 0, self.clock.hours)
        made = np.zeros((self.spec.kols, self.clock.hours + 1), dtype=np.int64)
        np.add.at(made, (self.posts.kol, hour), 1)
        return made.cumsum(axis=1) + 40 + self.cast.following[:, None] % 700

    def _profiles(self, start: int, stop: int) -> pl.DataFrame:
        hour, kol = (a.ravel() for a in np.meshgrid(np.arange(start, stop), np.arange(self.spec.kols), indexing="ij"))
        column = hour - self.clock.start
        columns = {
            **self._who(kol),
            "followers": self.followers[kol, column],
            "following": self.cast.following[kol] + column // 72,
            "posts": self._published[kol, column],
        }
        return events("profile", {"event_time": hour * HOUR_US + self.cast.poll_us[kol]}, columns)

    def _looks(self, start: int, stop: int) -> pl.DataFrame:
        hour = self.posts.hour()
        post, look = np.nonzero((hour >= start) & (hour < stop))
        counters: dict[str, Any] = {name: values[post, look] for name, values in self._counters.items()}
        hidden = pl.Series(self.cast.hides_views[self.posts.kol[post]])
        counters["views"] = pl.Series(counters["views"]).set(hidden, None)
        times = {"published_at": self.posts.published_us[post], "event_time": self.posts.look_us[post, look]}
        return events(
            "post_metrics",
            times,
            {**self._who(self.posts.kol[post]), "post_id": self._post_ids.gather(post), **counters},
        )

    def _comments(self, start: int, stop: int, rng: np.random.Generator) -> pl.DataFrame:
        made = talk.comments(self.cast, self.posts, self.storms, (start, stop), rng)
        columns = {
            **self._who(self.posts.kol[made.post]),
            "post_id": self._post_ids.gather(made.post),
            "comment_id": [f"m{start}-{i}" for i in range(len(made.post))],
            "user_id": talk.pseudonyms(made.space, made.user),
            "text": self._book.gather(made.text),
        }
        return events("comment", {"event_time": made.at_us}, columns)

    @cached_property
    def _book(self) -> pl.Series:
        return pl.Series(phrasebook(np.random.default_rng([self.spec.seed, 2])), dtype=pl.String)

    def _visits(self, start: int, stop: int, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
        columns = slice(start - self.clock.start, stop - self.clock.start)
        made = shop.shop(self.cast, self.campaigns, self._rates[:, columns], self._running[:, columns], start, rng)
        who = pl.DataFrame(
            {
                **self._who(made.kol),
                "campaign_id": self._campaign_ids.gather(made.campaign),
                "user_id": talk.pseudonyms(made.kol + 1_000_000, made.user),
                "number": pl.Series(np.arange(len(made.kol))).cast(pl.String),
            }
        )
        dollars = self.campaigns.dollars[made.campaign]
        money = {"amount_minor": made.amount, "currency": np.where(dollars, "USD", "VND")}
        stages = {
            "view": (made.view_us, {}),
            "click": (made.click_us, {}),
            "add_to_cart": (made.cart_us, {}),
            "purchase": (made.purchase_us, money),
            "refund": (made.refund_us, {**money, "amount_minor": made.refunded}),
        }
        end = self.clock.stop * HOUR_US
        return {
            kind: self._stage(kind, at, extra, who, (at > 0) & (at < end), start)
            for kind, (at, extra) in stages.items()
        }

    @staticmethod
    def _stage(kind: str, at: Ints, extra: dict[str, Any], who: pl.DataFrame, kept: Bools, start: int) -> pl.DataFrame:
        name, letter = ("order_id", "o") if extra else ("session_id", "s")
        number = (pl.lit(f"{letter}{start}-") + pl.col("number")).alias(name)
        frame = who.with_columns(number, **{key: pl.Series(value) for key, value in extra.items()}).drop("number")
        return events(kind, {"event_time": at[kept]}, frame.filter(pl.Series(kept)).to_dict())
