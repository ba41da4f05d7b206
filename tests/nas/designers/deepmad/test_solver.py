"""The incumbent equals brute force and the bound is never below it, whatever the grid and the budgets."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.designers.deepmad import (
    RELEASED,
    RELEASED_WITH_BUG,
    SOUND,
    Grid,
    InfeasibleDesign,
    Problem,
    Structure,
    solve,
    solver,
    verify,
)

from .brute import all_structures, brute_force
from .conftest import tiny_problem

WIDTHS = st.lists(st.integers(1, 15).map(lambda i: 8 * i), min_size=2, max_size=2, unique=True).map(tuple)
STRIDES = {
    "resnet": [(2, 2, 1), (2, 2, 2), (2, 1, 2)],
    "resnet_basic": [(2, 2, 1), (2, 2, 2)],
    "mobilenet": [(2, 2, 2), (1, 2, 2), (2, 2, 1)],
    "mobilenet_se": [(2, 2, 2), (1, 2, 2), (2, 2, 1)],
}


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A small grid, and limits near the values of one of its structures."""
    family = draw(st.sampled_from(sorted(STRIDES)))
    convention = draw(st.sampled_from([RELEASED, SOUND, RELEASED_WITH_BUG]))
    grid = Grid(
        out=draw(WIDTHS),
        bottleneck=draw(WIDTHS),
        kernel=draw(st.sampled_from([(3,), (3, 5)])),
        stem=draw(st.sampled_from([(8,), (16, 24)])),
        depth_max=2,
        first_depth_max=draw(st.integers(1, 2)),
        bottleneck_ratio=(0.0, 20.0),
        growth=draw(st.sampled_from([4.0, 20.0])),
    )
    strides = draw(st.sampled_from(STRIDES[family]))
    head = draw(st.sampled_from([None, 64])) if family.startswith("mobilenet") else None
    open_problem = Problem(family, {convention.flops: 1e15, "params": 1e15}, 2.0, convention, grid, strides, head)
    some = list(all_structures(open_problem))
    if not some:
        return open_problem
    near = open_problem.evaluate(some[draw(st.integers(0, len(some) - 1))])
    loose = st.floats(0.9, 1.6)
    budgets = {name: near.amounts[name] * draw(loose) for name in open_problem.budgets}
    return dataclasses.replace(open_problem, budgets=budgets, rho=min(2.0, near.rho * draw(st.floats(0.95, 1.3))))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(problems())
def test_equals_brute_force(problem: Problem) -> None:
    truth = brute_force(problem)
    if truth is None:
        with pytest.raises(InfeasibleDesign) as caught:
            solve(problem, gap=0, time_s=60, workers=1)
        assert caught.value.data["proven"]
        return
    found = solve(problem, gap=0, time_s=60, workers=1)
    assert found.objective == pytest.approx(truth[0], rel=1e-12)
    assert truth[0] <= found.bound
    assert found.optimal
    assert verify(found.certificate).bound <= found.bound + 1e-6


@pytest.fixture(scope="module")
def truth() -> tuple[float, Structure]:
    """The optimum of ``tiny``."""
    found = brute_force(tiny_problem())
    assert found is not None
    return found


def test_bound_holds_when_stopped_early(tiny: Problem, truth: tuple[float, Structure]) -> None:
    found = solve(tiny, gap=1.0, time_s=30, workers=1)
    assert found.objective <= truth[0] <= found.bound


def test_interval_axes_bound_every_width_inside(
    tiny: Problem, truth: tuple[float, Structure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a grid called large every axis is coarse; the bound still holds and the gap is stated."""
    from nas.designers.deepmad import levels

    monkeypatch.setattr(levels, "ARCS", 1)
    monkeypatch.setattr(levels, "SHORT", 0)
    monkeypatch.setattr(levels, "LARGE_RATIOS", ((8.0, 8.0, 8.0), (2.0, 2.0, 2.0)))
    monkeypatch.setattr(solver, "IMPROVE", 0.0)
    found = solve(tiny, gap=0, time_s=20, workers=1)
    assert found.objective <= truth[0] <= found.bound
    assert verify(found.certificate).bound <= found.bound * (1 + 1e-9)


def test_two_processes_agree_with_one(tiny: Problem) -> None:
    one, two = (solve(tiny, gap=0, time_s=60, workers=n) for n in (1, 2))
    assert one.optimal
    assert two.optimal
    assert one.objective == two.objective


def test_extra_resource_joins_the_tables(tiny: Problem) -> None:
    """A latency that is additive over blocks, as a budget like any other."""

    def latency(s, cin, cout, b, k, r, stride, first):  # type: ignore[no-untyped-def]
        return np.asarray(cout, dtype=float) * np.asarray(b) * (r / stride) ** 2 * 1e-6 + 0.1

    free = solve(tiny, gap=0, time_s=60, workers=1)
    loose = dataclasses.replace(tiny, extra={"latency_ms": latency}, budgets={**tiny.budgets, "latency_ms": 1e9})
    used = loose.evaluate(free.structure).amounts["latency_ms"]
    tight = dataclasses.replace(loose, budgets={**tiny.budgets, "latency_ms": 0.9 * used})
    truth, found = brute_force(tight), solve(tight, gap=0, time_s=60, workers=1)
    assert truth is not None
    assert found.optimal
    assert found.objective == pytest.approx(truth[0], rel=1e-12)
    assert verify(found.certificate, extra={"latency_ms": latency}).exact_leaves >= 0


def test_progress_and_prices(tiny: Problem) -> None:
    seen: list[tuple[float, float | None, float, float]] = []
    found = solve(tiny, gap=0, time_s=60, workers=1, on_progress=lambda *row: seen.append(row))
    assert seen[-1][1] == found.objective
    assert seen[-1][2] >= found.objective
    assert set(found.prices) == {"released_flops", "params", "rho"}
    assert all(price >= 0 for price in found.prices.values())


def test_interrupt_returns_the_best_so_far(tiny: Problem) -> None:
    def interrupt(seconds: float, objective: float | None, bound: float, gap: float) -> None:
        raise KeyboardInterrupt

    found = solve(tiny, gap=0, time_s=60, workers=1, on_progress=interrupt)
    assert found.interrupted
    assert found.objective <= found.bound


@pytest.mark.parametrize("large", [False, True])
def test_bound_is_finite_and_checked_at_any_stop(
    tiny: Problem, truth: tuple[float, Structure], monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    """Stopped at the n-th report, down to the first: no region is ever without evidence."""
    from nas.designers.deepmad import levels

    if large:
        monkeypatch.setattr(levels, "ARCS", 1)
        monkeypatch.setattr(levels, "SHORT", 0)
        monkeypatch.setattr(levels, "LARGE_RATIOS", ((8.0, 8.0, 8.0), (2.0, 2.0, 2.0)))
    for stop in range(4):
        reports = itertools.count()

        def interrupt(*row: object, reports: Iterator[int] = reports, stop: int = stop) -> None:
            if next(reports) >= stop:
                raise KeyboardInterrupt

        found = solve(tiny, gap=0, time_s=4, workers=1, on_progress=interrupt)
        assert found.objective <= truth[0] <= found.bound < float("inf")
        assert verify(found.certificate).bound <= found.bound * (1 + 1e-9)


def test_random_generator_is_seeded(tiny: Problem) -> None:
    random.seed(0)
    a, b = (solve(tiny, gap=0, time_s=60, workers=1, seed=3).structure for _ in range(2))
    assert a == b
