"""Roofline profiles: a datasheet's two bounds, marked as a guess."""

from __future__ import annotations

import pytest

from predictors.latency import DeviceProfile, ProfileError
from predictors.latency.roofline import roofline_profile
from search_spaces import get_space
from search_spaces.operators import TableBuilder


def test_the_larger_of_arithmetic_and_traffic() -> None:
    b = TableBuilder(1, ["all"])
    b.linear(1000, 1000, 100, bias=False)
    macs, moved = 1e10, 4 * (2 * 1e7 + 1e6)
    fast_memory = roofline_profile("a", "A", macs_per_s=1e12, bytes_per_s=1e12, overhead_s=1e-5).predict(b.table())
    slow_memory = roofline_profile("a", "A", macs_per_s=1e12, bytes_per_s=1e9).predict(b.table())
    assert fast_memory.ms[0] == pytest.approx(macs / 1e12 * 1e3 + 0.01)
    assert slow_memory.ms[0] == pytest.approx(moved / 1e9 * 1e3)


def test_it_says_that_nothing_was_measured() -> None:
    space = get_space("elasticvit")
    made = roofline_profile("board", "Board", macs_per_s=2e12, bytes_per_s=5e10, overhead_s=5e-6)
    found = made.predict(space.operators(space.published["S1"]))
    assert made.source == "roofline"
    assert made.evidence["measurements"] == 0
    assert found.high[0] > 1.8 * found.ms[0]
    assert any("never measured" in w for w in found.warnings)
    assert found.coverage[0] == 0
    assert DeviceProfile.from_json(made.to_json()).predict(space.operators(space.published["S1"])).ms == found.ms


@pytest.mark.parametrize(("peak", "bandwidth", "overhead"), [(0, 1, 0), (1, -1, 0), (1, 1, -1), (float("nan"), 1, 0)])
def test_numbers_that_no_datasheet_has(peak: float, bandwidth: float, overhead: float) -> None:
    with pytest.raises(ProfileError, match="must be a finite number"):
        roofline_profile("board", "Board", macs_per_s=peak, bytes_per_s=bandwidth, overhead_s=overhead)
