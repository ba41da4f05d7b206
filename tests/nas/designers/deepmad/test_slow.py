"""The acceptance figures of the issue on Grid A; minutes on two cores, so run by name: ``pytest -m slow``."""

from __future__ import annotations

import dataclasses

import pytest

from nas.designers.deepmad import RELEASED, Grid, Problem, solve, verify

GRID_A = Grid(
    out=(
        *range(8, 81, 8),
        *(96, 112, 128, 144, 160, 192, 224, 256, 288, 320, 384, 448, 512),
        *(576, 640, 704, 768, 832, 896, 960, 1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048),
    ),
    bottleneck=(*range(8, 129, 8), 144, 160, 176, 192, 224, 256, 320),
    kernel=(3, 5),
    stem=(8, 16, 24, 32),
    out_max={1: 128, 2: 512},
)
R18 = Problem("resnet", {"released_flops": 1.82e9, "params": 11.69e6}, 0.3, RELEASED, GRID_A)
R50 = dataclasses.replace(R18, budgets={"released_flops": 4.13e9, "params": 25.55e6})


def test_grid_a_is_the_reference_grid() -> None:
    assert (len(GRID_A.out), len(GRID_A.bottleneck)) == (39, 23)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "optimum", "known", "gap"), [(R18, 36306.8113, 35896.2, 0.015), (R50, 51480.4743, 51402.3, 0.01)]
)
def test_sixty_seconds(problem: Problem, optimum: float, known: float, gap: float) -> None:
    found = solve(problem, gap=0, time_s=60)
    assert known <= found.objective <= optimum + 1e-4
    assert found.bound >= optimum - 1e-4
    assert found.gap <= gap


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "optimum"), [(R18, 36306.8113), (R50, 51480.4743)])
def test_proven_optimal_within_ten_minutes(problem: Problem, optimum: float) -> None:
    found = solve(problem, gap=0, time_s=600)
    assert found.optimal
    assert found.objective == pytest.approx(optimum, abs=1e-3)
    assert verify(found.certificate).bound <= found.bound + 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("macs", "params", "head"), [(4.5e9, 29e6, 1792), (8.7e9, 50e6, 2048), (15.4e9, 89e6, 2560)])
def test_depthwise_budgets_on_every_multiple_of_8(macs: float, params: float, head: int) -> None:
    problem = Problem("mobilenet_se", {"macs": macs, "params": params}, 0.5, strides=(2, 2, 2, 2, 1), head=head)
    found = solve(problem, gap=0, time_s=120)
    assert not problem.violations(found.structure)
    assert found.objective <= found.bound < float("inf")
