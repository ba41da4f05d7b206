"""Budgets as people write them."""

from __future__ import annotations

import math

import pytest

from nas.budget import Budget, compact, parse_limit
from nas.errors import BudgetError


@pytest.mark.parametrize(
    ("text", "quantity", "low", "high"),
    [
        ("600MFLOPs", "macs", 0, 600e6),
        ("600 mflops", "macs", 0, 600e6),
        ("1.82GFLOPs", "macs", 0, 1.82e9),
        ("600MMACs", "macs", 0, 600e6),
        ("400..600MFLOPs", "macs", 400e6, 600e6),
        ("..600MFLOPs", "macs", 0, 600e6),
        ("400..MFLOPs", "macs", 400e6, math.inf),
        ("5.7Mparams", "params", 0, 5.7e6),
        ("11.69Mparams", "params", 0, 11.69e6),
        ("1Bparams", "params", 0, 1e9),
        ("4Mactivations", "activations", 0, 4e6),
        ("50MB", "memory", 0, 50e6),
        ("50MiB", "memory", 0, 50 * 2**20),
        ("6e8FLOPs", "macs", 0, 6e8),
        ("600_000_000FLOPs", "macs", 0, 6e8),
    ],
)
def test_reads(text: str, quantity: str, low: float, high: float) -> None:
    """Each becomes one closed interval in base units."""
    interval = Budget.parse(text).intervals[quantity]
    assert (interval.low, interval.high) == (low, high)


@pytest.mark.parametrize(
    "text",
    ["", "600", "600M", "MFLOPs", "600MFLOP/s", "600Mbananas", "-5MFLOPs", "600..400MFLOPs", "0MFLOPs", "nanMFLOPs",
     "infMFLOPs", "1e999FLOPs", "600MFLOPs; rm -rf /", "six MFLOPs", "..MFLOPs", "20ms", "20ms@",
     "6M@pixel6", "600MFLOPs@pixel6"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    """Whatever cannot be a budget is refused in one line that quotes it."""
    with pytest.raises(BudgetError) as caught:
        Budget.parse(text)
    assert "\n" not in str(caught.value)
    assert text.strip() in str(caught.value)


def test_several_limits_hold_together() -> None:
    """Limits on one quantity are intersected, others stand beside; an empty intersection is refused."""
    budget = Budget.parse(["600MFLOPs", "400..900MFLOPs", "6Mparams"])
    assert (budget.intervals["macs"].low, budget.intervals["macs"].high) == (400e6, 600e6)
    assert budget.intervals["params"].high == 6e6
    assert str(budget) == "400MFLOPs <= macs <= 600MFLOPs, params <= 6Mparams"
    with pytest.raises(BudgetError, match="leave no macs"):
        Budget.parse(["100MFLOPs", "200..300MFLOPs"])


def test_no_budget_is_a_budget() -> None:
    """None means that everything is allowed."""
    assert Budget.parse(None).intervals == {}


@pytest.mark.parametrize(("value", "text"), [(600e6, "600M"), (5.7e6, "5.7M"), (1.82e9, "1.82G"), (950, "950")])
def test_compact(value: float, text: str) -> None:
    """Numbers are written as they are read."""
    assert compact(value) == text


@pytest.mark.parametrize(
    ("text", "quantity", "low", "high", "shown"),
    [
        ("20ms@pixel6", "latency@pixel6", 0, 20e6, "latency@pixel6 <= 20 ms"),
        ("10..20ms@pixel6", "latency@pixel6", 10e6, 20e6, "10 ms <= latency@pixel6 <= 20 ms"),
        ("500µs@mine.json", "latency@mine.json", 0, 5e5, "latency@mine.json <= 0.5 ms"),
        ("0.02s@a-b_c", "latency@a-b_c", 0, 20e6, "latency@a-b_c <= 20 ms"),
        ("3mJ@watch", "energy@watch", 0, 3e6, "energy@watch <= 3 mJ"),
    ],
)
def test_latency_budgets_name_a_device(text: str, quantity: str, low: float, high: float, shown: str) -> None:
    """``ms`` and ``mJ`` are of a device, whose name (or file) follows; base units are whole ns and nJ."""
    limit = parse_limit(text)
    assert (limit.quantity, limit.low, str(limit)) == (quantity, low, shown)
    assert limit.high == pytest.approx(high)
