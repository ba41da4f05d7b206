"""A certificate is checked without trusting the solver, and a tampered one is refused."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import numpy as np
import pytest

from nas.designers.deepmad import CertificateRefused, Problem, milp_leaf, solve, verify
from nas.designers.deepmad.exact import best_above
from nas.designers.deepmad.milp import best_above_milp
from nas.designers.deepmad.relaxation import Relaxation
from nas.designers.deepmad.tables import build_tables


@pytest.fixture(scope="module")
def claim() -> dict[str, Any]:
    from nas.designers.deepmad import RELEASED, Grid

    grid = Grid(out=(16, 32, 64), bottleneck=(8, 16, 32), kernel=(3, 5), stem=(8, 16), depth_max=3, first_depth_max=2)
    problem = Problem("resnet", {"released_flops": 2.5e7, "params": 4e4}, 0.4, RELEASED, grid, strides=(2, 2, 1, 2))
    return json.loads(json.dumps(solve(problem, gap=0, time_s=60, workers=1).certificate))  # type: ignore[no-any-return]


def test_an_honest_certificate_is_accepted(claim: dict[str, Any]) -> None:
    found = verify(claim)
    assert found.objective == pytest.approx(claim["objective"], rel=1e-12)
    assert found.bound <= claim["bound"] * (1 + 1e-9)
    assert found.open_leaves == 0


def _better_structure(c: dict[str, Any]) -> None:
    c["structure"]["stages"][0]["depth"] += 20


def _higher_objective(c: dict[str, Any]) -> None:
    c["objective"] += 1.0


def _lower_bound(c: dict[str, Any]) -> None:
    c["objective"] -= 0.0
    c["bound"] = c["objective"] - 1.0


def _missing_region(c: dict[str, Any]) -> None:
    c["regions"] = [r for r in c["regions"] if r["widths"] != c["regions"][0]["widths"]]


def _zero_multipliers(c: dict[str, Any]) -> None:
    for region in c["regions"]:
        region["multipliers"] = [[0.0] * len(y) for y in region["multipliers"]]


def _negative_multipliers(c: dict[str, Any]) -> None:
    for region in c["regions"]:
        region["multipliers"] = [[-1e3] * len(y) for y in region["multipliers"]]


def _hidden_leaves(c: dict[str, Any]) -> None:
    """Declare everything an exact leaf with a bound that is too low."""
    best = c["structure"]["stages"]
    depths = [s["depth"] for s in best]
    for region in c["regions"]:
        region["leaves"] = [{"depths": depths, "bound": c["objective"] - 5.0, "how": "exact"}]


def _thin_axis(c: dict[str, Any]) -> None:
    for level in c["levels"]:
        level["axes"][1] = level["axes"][1][:1]


@pytest.mark.parametrize(
    "tamper",
    [
        _better_structure,
        _higher_objective,
        _lower_bound,
        _missing_region,
        _zero_multipliers,
        _negative_multipliers,
        _hidden_leaves,
        _thin_axis,
    ],
)
def test_a_tampered_certificate_is_refused(claim: dict[str, Any], tamper: Any) -> None:
    forged = copy.deepcopy(claim)
    tamper(forged)
    with pytest.raises(CertificateRefused):
        verify(forged)


def test_garbage_is_refused() -> None:
    with pytest.raises(CertificateRefused, match="not a certificate"):
        verify({"problem": {"family": "resnet"}})


def test_leaves_are_checked_by_an_integer_program_too(claim: dict[str, Any]) -> None:
    found = verify(claim, leaves=milp_leaf)
    assert found.bound <= claim["bound"] * (1 + 1e-9)
    hidden = copy.deepcopy(claim)
    _hidden_leaves(hidden)
    with pytest.raises(CertificateRefused, match="a structure above"):
        verify(hidden, leaves=milp_leaf)


def test_the_integer_program_agrees_with_the_enumeration(tiny: Problem) -> None:
    """Every leaf of a small context, by CBC and by enumeration, at a threshold below everything."""
    tables = build_tables(tiny)
    r = Relaxation(tables, {3: len(tables.axes[3]) - 1})
    y = np.array([300.0, 300.0, 0.0, 0.0, 0.0, 300.0])
    for depths in itertools.product((1,), (1, 2), (1, 2)):
        leaf = r.at(depths)
        a, b = best_above(leaf, [y], -1e4), best_above_milp(leaf, y, -1e4)
        assert (a is None) == (b is None)
        if a and b:
            assert a[0] == pytest.approx(b[0], rel=1e-9)
