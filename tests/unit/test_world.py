"""The generated world: the same for the same seed, true to what it says of itself, and within the contract."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from scoreops.core.errors import BadInput
from scoreops.core.metrics import auc
from scoreops.kol.events import event_id, parse
from scoreops.kol.labels import parse_label
from scoreops.kol.world import World, WorldSpec
from scoreops.kol.world_cast import KINDS, cast
from scoreops.kol.world_truth import labels, summary, truth
from scoreops.kol.world_wire import LATE, REPEATED

SPEC = WorldSpec(kols=80, days=5, seed=3)


@pytest.fixture(scope="module")
def world():
    return World(SPEC)


@pytest.fixture(scope="module")
def lines(world):
    return [line for part in world.lines() for line in part]


@pytest.fixture(scope="module")
def said(world, lines):
    """What the world says of itself, once its lines are out."""
    return summary(world)


@pytest.fixture(scope="module")
def good(lines):
    """Lines that fit, as events, in order of arrival."""
    kept = []
    for line in lines:
        try:
            kept.append(parse(line))
        except BadInput:
            continue
    return kept


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(world, lines):
    again = World(SPEC)
    assert [line for part in again.lines() for line in part] == lines
    assert [line for part in world.lines() for line in part] == lines
    assert (truth(again), labels(again)) == (truth(world), labels(world))
    other = World(WorldSpec(kols=80, days=5, seed=4))
    assert truth(other) != truth(world)


def test_the_counts_add_up(said, lines, good):
    told = said["events"]
    assert told["produced"] == len(lines)
    assert told["malformed"] == len(lines) - len(good)
    assert told["repeats"] == len(good) - len({made.event_id for made in good})
    distinct = {made.event_id: made.type for made in good}
    assert said["by_type"] == Counter(distinct.values())
    assert sum(said["by_type"].values()) + told["repeats"] + told["malformed"] == told["produced"]
    assert (said["kols"], said["days"], said["seed"]) == (80, 5, 3)


def test_some_lines_are_late_repeated_and_broken_in_the_stated_shares(said):
    happened = sum(said["by_type"].values())
    assert said["events"]["late"] / happened == pytest.approx(LATE, rel=0.2)
    assert said["events"]["repeats"] / happened == pytest.approx(REPEATED, rel=0.2)
    assert said["events"]["malformed"] > 0


def test_ids_are_those_that_anybody_would_derive(good):
    for made in good[::50]:
        assert event_id(made.model_dump(mode="json")) == made.event_id


def test_everything_happens_between_the_beginning_and_the_end_and_that_is_past(said, good):
    start, end = (datetime.fromisoformat(said[name]) for name in ("start", "end"))
    assert end - start == timedelta(days=5)
    assert start <= min(made.event_time for made in good)
    assert max(made.event_time for made in good) < end
    assert end <= datetime(2026, 3, 22, 3, tzinfo=UTC)


def test_most_arrive_in_order(good):
    times = [made.event_time for made in good]
    ordered = sum(a <= b + timedelta(seconds=10) for a, b in pairwise(times))
    assert 0.9 < ordered / len(times) < 1


def test_counters_of_posts_never_fall(good):
    seen = {}
    for made in sorted((m for m in good if m.type == "post_metrics"), key=lambda m: m.event_time):
        before = seen.get(made.post_id, made)
        assert made.likes >= before.likes
        assert (made.views is None) == (before.views is None)
        assert made.event_time >= made.published_at
        seen[made.post_id] = made


def test_orders_are_paid_before_they_are_refunded_and_never_refunded_beyond(good):
    paid = {made.order_id: made for made in good if made.type == "purchase"}
    refunds = [made for made in good if made.type == "refund" and made.order_id in paid]
    assert refunds
    for refund in refunds:
        order = paid[refund.order_id]
        assert refund.event_time > order.event_time
        assert 0 < refund.amount_minor <= order.amount_minor
        assert (refund.currency, refund.kol_id) == (order.currency, order.kol_id)


def test_the_truth_names_every_account_and_the_cause_of_every_jump(world):
    told = truth(world)["kols"]
    assert len(told) == 80
    allowed = {"bought": {"bought"}, "honest_viral": {"viral", "mention"}, "organic": {"mention"}}
    causes = Counter()
    for kol in told.values():
        assert kol["fraud"] == (kol["kind"] in ("bought", "pod", "bot_comments")) == (kol["intensity"] > 0)
        for spike in kol["spikes"]:
            assert spike["cause"] in allowed[kol["kind"]]
            causes[spike["cause"]] += 1
    assert causes["bought"] > 5
    assert causes["viral"] > 5


def test_a_jump_of_the_truth_is_there_in_the_followers(world):
    for kol, hour, first in zip(world.spikes.kol, world.spikes.hour, world.spikes.first, strict=True):
        column = hour - world.clock.start
        gained = world.followers[kol, column] - world.followers[kol, column - 1]
        assert gained > 0.8 * first


def test_labels_tell_of_finished_campaigns_of_some_kols_and_tell_the_truth(world):
    told, known = truth(world)["kols"], [parse_label(json.dumps(row)) for row in labels(world)]
    assert len(known) > 10
    assert len({label.kol_id for label in known}) < 80
    assert [label.label_time for label in known] == sorted(label.label_time for label in known)
    ends = {world.campaigns.id_of(i, world.cast): stop for i, stop in enumerate(world.campaigns.stop)}
    for label in known:
        assert label.fraud == told[label.kol_id]["fraud"]
        hours = label.label_time.timestamp() / 3600 - ends[label.campaign_id]
        assert 6 <= hours <= 24
        assert label.label_time < SPEC.end


def test_cheats_and_honest_accounts_overlap():
    many = cast(5000, np.random.default_rng(1))
    shares = np.bincount(many.kind, minlength=len(KINDS)) / 5000
    assert (shares > 0.09).all()
    assert 0.3 < many.fraud.mean() < 0.42
    np.testing.assert_allclose(many.talk.sum(axis=1), 1)
    for trait in ("like_rate", "buy_rate", "comment_rate", "refund_rate", "hollow"):
        assert 0.05 < auc(many.fraud, getattr(many, trait)) < 0.95, trait


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kols": 0}, "kols"),
        ({"kols": 100_000}, "kols"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"seed": -1}, "seed"),
        ({"end": datetime(2026, 3, 22, 3, 30, tzinfo=UTC)}, "end"),
        ({"end": datetime(2026, 3, 22, 3)}, "end"),  # noqa: DTZ001 - that is what is refused
    ],
)
def test_a_world_that_cannot_be_is_refused(changes, field):
    with pytest.raises(BadInput) as caught:
        WorldSpec(**changes)
    assert caught.value.field == field


def test_the_smallest_world_has_events_too():
    assert any(World(WorldSpec(kols=1, days=1, seed=1)).lines())
