"""Nothing that happens later can change what was read before, on a generated world."""

import numpy as np
import pytest

from scoreops.core.errors import BadInput
from scoreops.kol.events import parse
from scoreops.kol.features import ROLLING, rolling
from scoreops.kol.hours import CHANNELS, hour_cube
from scoreops.kol.success_features import SUCCESS_FEATURES, success_features, success_targets
from scoreops.kol.tiles import fold, to_table
from scoreops.kol.trust_features import TRUST_FEATURES, trust_features
from scoreops.kol.world import World, WorldSpec

WORLD = World(WorldSpec(kols=40, days=4, seed=11))
START, STOP = WORLD.clock.start, WORLD.clock.stop
AT = STOP - 30


@pytest.fixture(scope="module")
def events():
    kept = {}
    for part in WORLD.lines():
        for line in part:
            try:
                made = parse(line)
            except BadInput:
                continue
            kept[made.event_id] = made
    return list(kept.values())


@pytest.fixture(scope="module")
def whole(events):
    return hour_cube(fold(to_table(events)), START, STOP)


@pytest.fixture(scope="module")
def cut(events, whole):
    """The same world as it was known at AT: later events had not happened."""
    before = [made for made in events if made.event_time.timestamp() < AT * 3600]
    return hour_cube(fold(to_table(before)), START, AT, kols=whole.kols)


@pytest.mark.parametrize("features", [trust_features, success_features])
def test_features_at_an_hour_are_the_same_whatever_happens_later(features, whole, cut):
    hours = np.array([AT - 7, AT])
    np.testing.assert_array_equal(features(whole, hours), features(cut, hours))


def test_rolling_features_are_the_same_whatever_happens_later(events):
    minute = AT * 60 - 1
    before = [made for made in events if made.event_time.timestamp() < AT * 3600]
    assert rolling(fold(to_table(events)), minute).equals(rolling(fold(to_table(before)), minute))


def test_targets_look_only_forward(whole):
    changed = hour_cube_with_past_erased(whole)
    hours = np.array([AT])
    np.testing.assert_array_equal(success_targets(whole, hours), success_targets(changed, hours))
    assert not np.array_equal(success_features(whole, hours), success_features(changed, hours), equal_nan=True)


def hour_cube_with_past_erased(whole):
    from dataclasses import replace

    late = np.arange(START, STOP) >= AT
    return replace(whole, values={name: np.where(late, values, 0.0) for name, values in whole.values.items()})


def test_every_column_is_known_somewhere_and_within_its_range(whole):
    trust = trust_features(whole, np.array([STOP]))[:, 0]
    seen = dict(zip(TRUST_FEATURES.columns, trust.T, strict=True))
    for name, values in seen.items():
        assert np.isfinite(values).any(), name
        assert not np.isinf(values).any(), name
    for name in ("spam_share", "negative_share", "positive_share", "comment_burst", "click_rate", "night_share"):
        finite = seen[name][np.isfinite(seen[name])]
        assert ((finite >= 0) & (finite <= 1)).all(), name
    success = success_features(whole, np.array([STOP]))[:, 0]
    known = {
        name for name, values in zip(SUCCESS_FEATURES.columns, success.T, strict=True) if np.isfinite(values).any()
    }
    week = {
        name for name in SUCCESS_FEATURES.columns if "168h" in name or "week_ago" in name or name.endswith("_share")
    }
    assert known == set(SUCCESS_FEATURES.columns) - week - {"trust_score_t_1"}


def test_the_cube_counts_every_event_once(events, whole):
    assert whole["n_events"].sum() == len(events)
    for channel, kind in (("visits", "view"), ("clicks", "click"), ("orders", "purchase"), ("refunds", "refund")):
        assert whole[channel].sum() == sum(made.type == kind for made in events)
    assert set(whole.values) == set(CHANNELS)
    assert (whole["revenue"] >= 0).all()


def test_rolling_features_have_no_infinity_and_shares_are_shares(events):
    made = rolling(fold(to_table(events)), STOP * 60 - 1)
    for name in ROLLING:
        values = made[name].drop_nulls().to_numpy()
        assert np.isfinite(values).all(), name
        if "_share_" in name and not name.startswith("distinct"):
            assert ((values >= 0) & (values <= 1)).all(), name
