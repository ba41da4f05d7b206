"""Bad questions get one line that says what was wrong; infeasible ones say what would do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.designers.deepmad import DesignError, Grid, InfeasibleDesign, Problem, convention, load_grid, solve
from nas.designers.deepmad.grid import grid_from_json

GRID_A = {
    "out": [8, 16, 32],
    "bottleneck": [8, 16],
    "kernel": [3, 5],
    "stem": [8],
    "depth": {"first_stage_max": 3, "max": 24},
    "rules": [
        "out_1 <= 128, out_2 <= 512",
        "bottleneck between out/10 and out",
        "out_s between out_(s-1) and 4 out_(s-1)",
    ],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "vgg"}, "unknown family 'vgg'"),
        ({"budgets": {"params": -1.0}}, "must be a positive number"),
        ({"budgets": {"params": float("nan")}}, "must be a positive number"),
        ({"budgets": {"watts": 1.0}}, "unknown budget 'watts'"),
        ({"rho": 0.0}, r"rho must lie in \(0, 2\]"),
        ({"rho": 2.1}, r"rho must lie in \(0, 2\]"),
        ({"strides": (2, 3, 2)}, "stride 1 or 2"),
        ({"strides": (2, 2)}, "at least three stages"),
    ],
)
def test_bad_problems(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        Problem(**{"family": "resnet", "budgets": {"params": 1e6}, "rho": 0.3, **changes})


@pytest.mark.parametrize(("gap", "time_s"), [(-0.1, 10.0), (0.1, 0.0)])
def test_bad_stopping_rules(tiny: Problem, gap: float, time_s: float) -> None:
    with pytest.raises(DesignError, match="expected gap"):
        solve(tiny, gap=gap, time_s=time_s)


def test_grid_file(tmp_path: Path) -> None:
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(GRID_A))
    grid = load_grid(path)
    assert (grid.out_max, grid.bottleneck_ratio, grid.growth) == ({1: 128, 2: 512}, (0.1, 1.0), 4.0)
    assert grid_from_json(grid.to_json()) == grid


@pytest.mark.parametrize(
    "changes", [{"rules": ["widths are nice"]}, {"out": []}, {"out": [8.5]}, {"kernel": "three"}, {"depth": {"max": 0}}]
)
def test_bad_grids(changes: dict[str, Any]) -> None:
    with pytest.raises(DesignError):
        grid_from_json({**GRID_A, **changes})


def test_unreadable_grid(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "absent.json"):
        with pytest.raises(DesignError, match="cannot read the grid"):
            load_grid(tmp_path / name)


def test_unknown_convention() -> None:
    with pytest.raises(DesignError, match="known: released"):
        convention("mine")


@pytest.mark.parametrize(
    ("budgets", "rho", "conflict"),
    [
        ({"released_flops": 1e6, "params": 4e4}, 0.4, ["released_flops"]),
        ({"released_flops": 2.5e7, "params": 1e3}, 0.4, ["params"]),
        ({"released_flops": 2.5e7, "params": 4e4}, 0.01, ["rho"]),
    ],
)
def test_infeasible_is_proven_and_explained(
    tiny_grid: Grid, budgets: dict[str, float], rho: float, conflict: list[str]
) -> None:
    from nas.designers.deepmad import RELEASED

    problem = Problem("resnet", budgets, rho, RELEASED, tiny_grid, strides=(2, 2, 2))
    with pytest.raises(InfeasibleDesign) as caught:
        solve(problem, gap=0, time_s=30, workers=1)
    assert caught.value.data["proven"]
    assert caught.value.data["conflicts"] == conflict
    nearest = caught.value.data["nearest"][conflict[0]]
    repaired = {**budgets, **({conflict[0]: nearest * (1 + 1e-9)} if conflict != ["rho"] else {})}
    solve(
        Problem("resnet", repaired, nearest if conflict == ["rho"] else rho, RELEASED, tiny_grid, (2, 2, 2)), workers=1
    )


def test_two_limits_in_conflict(tiny_grid: Grid) -> None:
    """Each limit alone can be met, params and rho together cannot."""
    from nas.designers.deepmad import RELEASED

    problem = Problem("resnet", {"params": 9e3}, 0.26, RELEASED, tiny_grid, strides=(2, 2, 2))
    with pytest.raises(InfeasibleDesign, match="params and rho") as caught:
        solve(problem, gap=0, time_s=30, workers=1)
    assert caught.value.data["nearest"]["params"] > 9e3
    assert caught.value.data["nearest"]["rho"] > 0.26


def test_torch_is_not_imported() -> None:
    code = "import sys, nas.designers.deepmad; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
