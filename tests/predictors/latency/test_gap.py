"""Where the milliseconds go: sums, shares and the efficiency gap."""

from __future__ import annotations

import pytest

from predictors.latency import load_profile
from predictors.latency.gap import PEAK, explain
from predictors.latency.roofline import roofline_profile
from search_spaces import get_space


def test_an_explanation_adds_up() -> None:
    """Operators, stages and kinds sum to the prediction; shares to one."""
    space = get_space("elasticvit")
    table = space.operators(space.published["S1"])
    profile = load_profile("pixel6")
    found = explain(profile, table)
    assert found.ms == pytest.approx(profile.predict(table).ms[0])
    for key in ("stage", "kind"):
        shares = found.by(key)
        assert sum(s.ms for s in shares) == pytest.approx(found.ms)
        assert sum(s.share for s in shares) == pytest.approx(1)
        assert sum(s.count for s in shares) == len(found.operators)
    assert [s.name for s in found.by("stage")] == [s.name for s in space.stages]


def test_at_the_roofline_arithmetic_is_all_there_is() -> None:
    """Without overhead and with endless bandwidth no operator wastes anything."""
    space = get_space("elasticvit")
    table = space.operators(space.published["S1"])
    found = explain(roofline_profile("ideal", "ideal", macs_per_s=1e12, bytes_per_s=1e30, overhead_s=0.0), table)
    assert found.peak == 1e12
    assert found.waterline == pytest.approx(1, abs=1e-6)
    assert found.ms == pytest.approx(table.macs[0] / 1e12 * 1e3, rel=1e-6)


def test_overhead_is_a_gap() -> None:
    """A millisecond per operator and nearly free arithmetic: the waterline is near zero, and said so."""
    space = get_space("elasticvit")
    slow = roofline_profile("slow", "slow", macs_per_s=1e15, bytes_per_s=1e30, overhead_s=1e-3)
    found = explain(slow, space.operators(space.published["S1"]))
    assert found.waterline < 0.01
    assert found.wasteful(3)[0].efficiency < 0.05
    assert slow.hardware[PEAK] == 1e15


def test_one_network_at_a_time() -> None:
    """A table of several is refused."""
    space = get_space("elasticvit")
    from search_spaces.pricing import part_table

    with pytest.raises(ValueError, match="one architecture"):
        explain(load_profile("pixel6"), part_table(space, space.stages[0], space.stages[0].parts[0]))
