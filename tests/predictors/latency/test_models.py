"""Models: what they compute, by hand; that JSON keeps them; that nothing invalid is read."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from predictors.latency.errors import ProfileError
from predictors.latency.features import FEATURES, INDEX, select
from predictors.latency.forest import fit_trees
from predictors.latency.models import Ridge, Roofline, UnitModel
from predictors.latency.trees import Trees, joined
from tests.predictors.latency.toy import additive, feature_rows, ridge, stump

MODEL = UnitModel(
    additive(macs=2e-9, moved=1e-9), (stump("c_in", 50.0, -0.2, 0.3), ridge("c_out", 0.1)), {"c_in": (8.0, 64.0)},
    0.05, 0.4,
)  # fmt: skip


def rows(**values: float) -> np.ndarray:
    x = np.zeros((1, len(FEATURES)))
    for name, value in values.items():
        x[0, INDEX[name]] = value
    return x


def test_the_base_times_the_corrections() -> None:
    cost = MODEL.cost(rows(macs=1e6, moved=1e3, c_in=64, c_out=9))
    assert cost[0] == pytest.approx((2e-3 + 1e-6) * np.exp(0.3 + 0.1 * np.log(10)))


def test_outside_the_base_goes_on_and_corrections_stand_still() -> None:
    inside, beyond = rows(macs=1e6, c_in=64), rows(macs=4e6, c_in=640)
    assert MODEL.cost(beyond)[0] == pytest.approx(4 * MODEL.cost(inside)[0])
    assert [MODEL.outside(x).item() for x in (inside, beyond)] == [False, True]
    assert [MODEL.error(x).item() for x in (inside, beyond)] == [0.05, 0.4]


def test_a_ridge_has_its_products() -> None:
    model = Ridge(
        ("c_in", "c_out"), np.array([1.0, 0.0]), np.array([2.0, 1.0]), 0.5, np.array([1.0, 2.0]), np.array([[0, 1]]),
        np.array([3.0]),
    )  # fmt: skip
    a, b = (np.log(8) - 1) / 2, np.log(4)
    assert model.log(rows(c_in=7, c_out=3))[0] == pytest.approx(0.5 + a + 2 * b + 3 * a * b)


def test_a_roofline_is_the_larger_of_its_two_times() -> None:
    model = Roofline(1e9, 1e8, 1e-6)
    assert model.cost(rows(macs=1e6, moved=1e3, operators=2))[0] == pytest.approx(1.0 + 0.002)
    assert model.cost(rows(macs=1e3, moved=1e6, weights=1e6))[0] == pytest.approx(20.0)


def test_joined_trees_sum_their_weighted_values() -> None:
    parts = [stump("c_in", 10.0, 1.0, 2.0), stump("c_in", 20.0, -1.0, 5.0)]
    x = np.concatenate([rows(c_in=v) for v in (5, 10, 15, 25)])
    expected = 0.5 * parts[0].log(x) + 2 * parts[1].log(x)
    np.testing.assert_allclose(joined(parts, (0.5, 2.0)).log(x), expected)
    assert expected.tolist() == [-1.5, -1.5, -1.0, 11.0]


def test_json_keeps_a_model() -> None:
    x = feature_rows(np.random.default_rng(0), 50)
    again = UnitModel.from_dict("m", json.loads(json.dumps(MODEL.to_dict())))
    np.testing.assert_allclose(again.cost(x), MODEL.cost(x), rtol=1e-6)
    assert (again.outside(x) == MODEL.outside(x)).all()


def test_no_profile_makes_a_cost_infinite_or_negative() -> None:
    wild = UnitModel(additive(macs=0.0), (ridge("macs", 1e6), ridge("moved", -1e9)), {}, 0.1, 0.1)
    cost = wild.cost(feature_rows(np.random.default_rng(1), 20))
    assert np.isfinite(cost).all()
    assert (cost > 0).all()


BROKEN = {
    "negative price": (("base", "additive", "prices", "macs"), -1.0, "prices.macs must be a number of at least 0"),
    "not finite": (("base", "additive", "intercept"), float("inf"), "intercept must be"),
    "no number": (("base", "additive", "intercept"), "1", "intercept must be"),
    "unknown feature": (("ranges",), {"speed": [0, 1]}, "unknown feature 'speed'"),
    "reversed range": (("ranges",), {"macs": [2, 1]}, "[lowest, highest]"),
    "short range": (("ranges",), {"macs": [2]}, "a list of 2 numbers"),
    "unknown model": (("base",), {"pickle": {}}, "one of additive, roofline"),
    "two models": (("base",), {"additive": {}, "roofline": {}}, "one of additive, roofline"),
    "corrections": (("corrections",), {}, "a list"),
    "sigma": (("sigma",), -0.1, "sigma must be"),
    "boolean": (("sigma",), True, "sigma must be"),
    "lacking nodes": (("corrections", 0, "trees", "feature"), [0, -1, 0], "whole trees"),
    "half a tree": (("corrections", 0, "trees", "feature"), [0, 0, -1], "whole trees"),
    "feature": (("corrections", 0, "trees", "feature"), [1, -1, -1], "feature[0]"),
    "numbers": (("corrections", 0, "trees", "number"), [0.0, 1.0], "a list of 3 numbers"),
    "length": (("corrections", 1, "ridge", "scale"), [], "a list of 1 numbers"),
    "zero scale": (("corrections", 1, "ridge", "scale"), [0.0], "scale[0]"),
    "extra": (("extra",), 1, "unknown field 'extra'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused_by_name(case: str) -> None:
    path, value, message = BROKEN[case]
    document: Any = copy.deepcopy(MODEL.to_dict())
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ProfileError) as caught:
        UnitModel.from_dict("m", document)
    assert message in str(caught.value)
    assert str(caught.value).startswith("m")


def test_trees_are_those_of_scikit_learn() -> None:
    """A fitted forest, taken out, kept as JSON and read again, predicts what scikit-learn predicts."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    x = np.zeros((600, len(FEATURES)))
    names = ("c_in", "positions_in")
    for name in names:
        x[:, INDEX[name]] = rng.integers(1, 30, 600)
    y = np.sin(x[:, INDEX["c_in"]]) + 0.1 * x[:, INDEX["positions_in"]]
    theirs = HistGradientBoostingRegressor(
        max_iter=30, learning_rate=0.1, max_leaf_nodes=9, min_samples_leaf=4, early_stopping=False, random_state=0
    ).fit(select(x, names), y)
    ours = fit_trees(x, y, names, trees=30, leaves=9, rate=0.1)
    again = Trees.from_dict("t", json.loads(json.dumps(ours.to_dict())))
    assert (again.left == ours.left).all()
    assert (again.roots == ours.roots).all()
    np.testing.assert_allclose(ours.log(x), theirs.predict(select(x, names)), atol=1e-12)
    np.testing.assert_allclose(again.log(x), ours.log(x), atol=1e-4)
    assert np.corrcoef(ours.log(x), y)[0, 1] > 0.9
