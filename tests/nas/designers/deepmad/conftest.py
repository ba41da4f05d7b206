"""Small problems that every test here can afford."""

from __future__ import annotations

import pytest

from nas.designers.deepmad import RELEASED, Grid, Problem, infeasible, solver


@pytest.fixture(autouse=True)
def _short_evolution(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Tiny grids need no long evolution, and a poor first incumbent leaves the work to the branch and bound."""
    monkeypatch.setattr(infeasible, "GENERATIONS", 12)
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(solver, "GENERATIONS", 2)


TINY = Grid(out=(16, 32, 64), bottleneck=(8, 16, 32), kernel=(3, 5), stem=(8,), depth_max=2, first_depth_max=1)


def tiny_problem() -> Problem:
    """A feasible residual problem with three stages: a few thousand structures."""
    return Problem("resnet", {"released_flops": 2.5e7, "params": 4e4}, 0.4, RELEASED, TINY, strides=(2, 2, 2))


@pytest.fixture
def tiny_grid() -> Grid:
    """The grid of ``tiny``."""
    return TINY


@pytest.fixture
def tiny() -> Problem:
    """See :func:`tiny_problem`."""
    return tiny_problem()
