"""Calibration: it learns what is there, outliers and constants do not hurt, and intervals cover what they say."""

import math

import numpy as np
import pytest

from predictors.accuracy import FEATURES, MINIMUM, STRONG, Calibration, population_table, table_features
from predictors.accuracy.calibration import kendall_tau
from predictors.accuracy.regression import Regression, winsorised
from search_spaces import NasError, get_space
from search_spaces.operators import Kind

RNG = np.random.default_rng(0)


def made(n, noise=0.3, rng=RNG):
    """Features, and accuracies that depend on the two strong ones."""
    x = rng.normal(size=(n, len(FEATURES)))
    return x, 70 + 2 * x[:, 0] - x[:, 1] + noise * rng.normal(size=n)


def test_it_learns_a_linear_law():
    x, y = made(40, noise=0.01)
    fitted = Regression.fit(x, y, STRONG)
    fresh, truth = made(20, noise=0.0)
    assert np.abs(fitted.predict(fresh) - truth).max() < 0.4
    assert np.abs(fitted.coefficients[STRONG:]).max() < 0.1


def test_weak_features_count_where_the_data_say_so():
    x, _ = made(50)
    fitted = Regression.fit(x, 70 + 3 * x[:, 5], STRONG)
    assert fitted.coefficients[5] > 1.5
    assert np.abs(np.delete(fitted.coefficients, 5)).max() < 0.5


def test_one_failed_training_does_not_turn_the_line():
    x, y = made(20)
    broken = y.copy()
    broken[np.argmax(y)] -= 40
    whole, robust = Regression.fit(x, y, STRONG), Regression.fit(x, broken, STRONG)
    fresh, truth = made(30, noise=0.0)
    assert kendall_tau(robust.predict(fresh), truth) > 0.6
    assert kendall_tau(whole.predict(fresh), truth) > 0.8


def test_winsorising_moves_outliers_only():
    y = np.array([70.0, 71, 72, 73, 74, 20])
    moved = winsorised(y)
    assert (moved[:-1] == y[:-1]).all()
    assert 60 < moved[-1] < 70
    assert (winsorised(np.array([5.0] * 9 + [6.0])) <= 6).all()


def test_constant_columns_carry_nothing():
    x, y = made(20)
    x[:, 3] = 7.0
    predicted = Calibration.fit(x, y).predict(x).accuracy
    x[:, 3] = -1.0
    assert np.allclose(Calibration.fit(x, y).predict(x).accuracy, predicted)


def test_scale_and_unit_do_not_matter():
    x, y = made(20)
    fresh, _ = made(5)
    percent = Calibration.fit(x, y).predict(fresh)
    fraction = Calibration.fit(x * 1000 + 3, y / 100).predict(fresh * 1000 + 3)
    assert np.allclose(percent.accuracy, 100 * fraction.accuracy)
    assert np.allclose(percent.low, 100 * fraction.low)


def test_intervals_cover_what_they_say():
    """Within 3 points of nominal (and of the 1/(n + 1) steps of 20 labels) over 40 draws, on skewed noise."""
    rng, inside = np.random.default_rng(1), {0.8: [], 0.9: []}
    for _ in range(40):
        x = rng.normal(size=(70, 4))
        y = x[:, 0] + rng.exponential(size=70)
        fitted = Calibration.fit(x[:20], y[:20])
        for coverage, found in inside.items():
            p = fitted.predict(x[20:], coverage)
            assert (p.low <= p.high).all()
            found.append(((y[20:] >= p.low) & (y[20:] <= p.high)).mean())
    for coverage, found in inside.items():
        assert abs(np.mean(found) - coverage) < 0.03 + 1 / 21


def test_with_ten_labels_an_interval_is_bounded_at_90_percent_and_not_at_99():
    x, y = made(MINIMUM)
    fitted = Calibration.fit(x, y)
    assert np.isfinite(fitted.predict(x).low).all()
    assert (fitted.predict(x, 0.99).high == math.inf).all()


def test_the_check_leaves_each_network_out():
    x, y = made(30)
    check = Calibration.fit(x, y).check(x[:, 0])
    assert check.networks == 30
    assert check.tau > 0.7 > check.params_tau
    assert check.error < check.constant_error
    noise = Calibration.fit(x, RNG.normal(size=30)).check(x[:, 0])
    assert noise.tau < 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:9], y[:9]), f"at least {MINIMUM}"),
        (lambda x, y: (x, np.full(20, 71.0)), "nothing to tell"),
        (lambda x, y: (x, np.where(np.arange(20) == 3, np.nan, y)), "finite"),
        (lambda x, y: (x, y[:12]), "do not fit"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(NasError, match=message):
        Calibration.fit(*change(*made(20)))


@pytest.mark.parametrize("name", ["elasticvit", "convnet", "autoformer"])
def test_features_of_a_population_are_those_of_its_members(name):
    space = get_space(name)
    genomes = space.sample(3, np.random.default_rng(0))
    tables = [space.operators(space.decode(g)) for g in genomes]
    rows = np.concatenate([table_features(t) for t in tables])
    assert rows.shape == (3, len(FEATURES))
    assert np.isfinite(rows).all()
    assert np.allclose(table_features(population_table(space, genomes)), rows)
    named = dict(zip(FEATURES, rows[0], strict=True))
    assert named["params"] == pytest.approx(math.log(tables[0].params[0]))
    heads = tables[0]["groups"][tables[0]["kind"] == Kind.MATMUL].sum()
    assert named["heads"] == pytest.approx(math.log1p(heads))


def test_networks_without_attention_have_features_too():
    space = get_space("convnet")
    table = space.operators(space.decode(space.sample(1, np.random.default_rng(0))[0]))
    named = dict(zip(FEATURES, table_features(table)[0], strict=True))
    assert named["attention"] == named["heads"] == 0
    assert all(map(math.isfinite, named.values()))
