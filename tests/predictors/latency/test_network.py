"""Models of whole networks: prices found from sums, a correction that knows what it has not seen, shipped profiles."""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from predictors.latency import DeviceProfile, ProfileError, load_profile
from predictors.latency.costing import Z90, Calibration
from predictors.latency.features import SUMS, features
from predictors.latency.network import NETWORK_FEATURES, network_features
from predictors.latency.network.boosting import boost
from predictors.latency.network.evidence import HeldOut, errors, hold_out
from predictors.latency.network.features import NETWORK_INDEX
from predictors.latency.network.fitting import Networks, cost_model, fit, non_negative
from predictors.latency.units import segment
from search_spaces.operators import OperatorTable
from tests.predictors.latency.test_units import population
from tests.predictors.latency.toy import profile

COUNT = 64
SHIPPED = {"rtx4090-amp": 0.158, "i9-10940x-compiled": 0.118}
"""Half of the log-linear fit's error on the same rows."""
COLUMNS = {"rtx4090-amp": "sps_rtx4090_amp_nchw_pt291", "i9-10940x-compiled": "sps_i9_10940x_fp32_nchw_pt240_dyn"}
TRACED = ("deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_distilled_patch16_224")


@cache
def table() -> OperatorTable:
    return population("elasticvit", COUNT)


@cache
def timed() -> Networks:
    """Networks whose time is what the toy profile says, give or take a tenth."""
    families = [f"family {i % 6}" for i in range(COUNT)]
    ms = profile("kernels").predict(table()).ms * np.random.default_rng(0).uniform(0.9, 1.1, COUNT)
    return Networks.of(table(), ms, families, np.ones(COUNT))


@cache
def whole() -> DeviceProfile:
    """A profile with a correction whose numbers are round."""
    data = timed()
    found = fit(data, np.ones(COUNT, dtype=bool))
    model = cost_model(data, found, Calibration(1.0, 0.4), found.network(0.05, 1.0, 0.3))
    return replace(profile("kernels"), latency=model)


def test_shares_are_shares_and_do_not_depend_on_the_batch() -> None:
    units = segment(table(), "kernels")
    x = features(units)
    ms = np.random.default_rng(0).uniform(1, 2, len(units))
    z = network_features(units, x, ms)
    for group in ("time_", "macs_"):
        shares = z[:, [i for n, i in NETWORK_INDEX.items() if n.startswith(group)]] ** 2
        assert (shares >= 0).all()
    times = z[:, [i for n, i in NETWORK_INDEX.items() if n.startswith("time_")]] ** 2
    computing = np.bincount(units.arch, ms * ~units.is_kind("parameter")) / np.bincount(units.arch, ms)
    np.testing.assert_allclose(times.sum(axis=1), computing)
    first = units.arch == 0
    mine = table()["arch"] == 0
    one = OperatorTable({k: v[mine] for k, v in table().columns.items()}, 1, table().stages)
    alone = segment(one, "kernels")
    np.testing.assert_allclose(network_features(alone, features(alone), ms[first])[0], z[0])


def test_prices_are_found_from_sums_alone() -> None:
    rng = np.random.default_rng(0)
    sums, truth = rng.uniform(0, 1, (200, 4)), np.array([2.0, 0.0, 0.5, 1e-3])
    found = non_negative(sums, sums @ truth, np.ones(200))
    np.testing.assert_allclose(found, truth, atol=0.02)
    assert (found >= 0).all()


def test_no_price_beats_the_arithmetic_peak() -> None:
    data = timed()
    floor = 0.5 * float((data.ms / data.sums[:, :, list(SUMS).index("macs")].sum(axis=1)).min())
    found = fit(replace(data, floor=floor), np.ones(COUNT, dtype=bool))
    assert (found.prices[:, list(SUMS).index("macs")] >= floor).all()
    assert (fit(data, np.ones(COUNT, dtype=bool)).prices[:, list(SUMS).index("macs")] < floor).any()
    total = np.bincount(data.units.arch, data.unit_ms(found.prices))
    assert np.abs(np.log(total / data.ms)).mean() < 0.1


def test_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    from predictors.latency.network.boosting import SETTINGS

    rng = np.random.default_rng(0)
    z = rng.normal(size=(150, len(NETWORK_FEATURES))).astype(np.float32).astype(np.float64)
    target = np.clip(z[:, 0] * z[:, 1], -1, 1)
    peer = GradientBoostingRegressor(**SETTINGS, random_state=3).fit(z, target, np.ones(150))
    np.testing.assert_allclose(boost(z, target, np.ones(150), 3).evaluate(z), peer.predict(z))


def test_trees_learn_what_prices_cannot_say() -> None:
    """Deep networks take half as long again as their units."""
    data = timed()
    depth = np.bincount(data.units.arch)
    ms = profile("kernels").predict(table()).ms * np.where(depth > np.median(depth), 1.5, 1.0)
    held = hold_out(replace(data, ms=ms), [str(i) for i in range(COUNT)], folds=3)
    corrected, plain = (np.abs(np.log(found / ms)).mean() for found in (held.ms, held.additive_ms))
    assert corrected < 0.7 * plain


def test_units_add_up_to_the_corrected_network() -> None:
    corrected = whole().predict(table())
    units = whole().units(table())
    np.testing.assert_allclose(np.bincount(units.arch, units.ms, COUNT), corrected.ms)


def test_the_additive_part_is_the_sum_with_its_own_interval() -> None:
    corrected, plain = whole().predict(table()), whole().additive().predict(table())
    units = whole().additive().units(table())
    np.testing.assert_allclose(np.bincount(units.arch, units.ms, COUNT), plain.ms)
    assert (plain.high / plain.low > corrected.high / corrected.low).all()
    assert np.abs(np.log(corrected.ms / plain.ms)).max() > 0.01


def test_fit_and_model_price_units_alike() -> None:
    data = timed()
    found = fit(data, np.ones(COUNT, dtype=bool))
    model = cost_model(data, found, Calibration(), found.network())
    np.testing.assert_allclose(model.units(data.units, data.x).cost, data.unit_ms(found.prices))


def test_a_profile_survives_json() -> None:
    again = DeviceProfile.from_json(whole().to_json())
    np.testing.assert_allclose(again.predict(table()).ms, whole().predict(table()).ms, rtol=2e-3)
    assert again.latency.network is not None
    assert "network" not in json.loads(whole().additive().to_json())["latency"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sigma", -0.1), ("doubt", float("nan")), ("sigma_outside", "wide"), ("members", []), ("members", [{}]),
        ("ranges", {"log_time": [0, 1]}), ("ranges", {"log_macs": [2, 1]}),
    ],
)  # fmt: skip
def test_an_invalid_correction_is_refused_by_name(field: str, value: object) -> None:
    document = json.loads(whole().to_json())
    document["latency"]["network"][field] = value
    with pytest.raises(ProfileError, match=f"network.{field}"):
        DeviceProfile.from_json(document)


def test_a_network_unlike_those_timed_is_named_and_widens_the_interval() -> None:
    network = whole().latency.network
    assert network is not None
    units = segment(table(), "kernels")
    x = features(units)
    inside = network.correct(units, x, np.ones(len(units)) * 1e-9)
    assert not inside.inside.any()
    assert "network: unlike those that were timed: logarithm of the sum" in inside.warnings[0]
    assert (inside.error >= 0.3).all()
    assert whole().predict(table()).warnings == ()
    assert (whole().predict(table()).coverage == 1).all()


def test_fits_are_deterministic_and_held_out_groups_never_seen() -> None:
    data, everything = timed(), np.ones(COUNT, dtype=bool)
    one, two = whole().latency.network, fit(data, everything).network()
    assert one is not None
    np.testing.assert_array_equal(one.members[0].value, two.members[0].value)
    families = [f"family {i % 6}" for i in range(COUNT)]
    wrong = replace(data, ms=np.where(np.arange(COUNT) % 6 == 0, 100.0, 1.0) * data.ms)
    held = hold_out(wrong, families, folds=3)
    assert (held.ms / data.ms)[np.arange(COUNT) % 6 == 0].max() < 3


def test_standard_errors_cover_nine_of_ten_and_use_disagreement() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.0, 0.2, 2000)
    truth = np.ones(2000)
    held = HeldOut(np.exp(rng.normal(size=2000) * np.hypot(0.02, 2 * spread)), truth, spread, truth < 0)
    network = errors(fit(timed(), np.ones(COUNT, dtype=bool)), truth, held, held)
    assert network.doubt == pytest.approx(2.0, abs=0.5)
    width = Z90 * np.hypot(network.sigma, network.doubt * spread)
    assert (np.abs(np.log(held.ms)) <= width).mean() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_carry_their_evidence(name: str) -> None:
    shipped = load_profile(name)
    assert shipped.evidence["mape"] < SHIPPED[name]
    assert shipped.evidence["unseen_family"]["mape"] > shipped.evidence["mape"]
    assert len(shipped.to_json()) < 1_000_000


def test_shipped_profiles_rank_networks_of_a_family() -> None:
    for name in SHIPPED:
        found = [load_profile(name).predict(t) for t in traced()]
        assert found[0].ms[0] < found[1].ms[0] < found[2].ms[0]
        assert all(p.low[0] < p.ms[0] < p.high[0] for p in found)
        assert all(p.warnings == () for p in found)


@pytest.mark.parametrize(("name", "column"), COLUMNS.items())
def test_shipped_profiles_belong_to_these_features(name: str, column: str) -> None:
    """A feature that changes its meaning makes the shipped prices wrong: `benchmarks/latency_timm.py --write`."""
    path = Path(os.environ.get("NAS_DATA", Path(__file__).parents[4] / "shared" / "data")) / "timm_models.csv.gz"
    if not path.exists():
        pytest.skip("timm_models.csv.gz is not in NAS_DATA")
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["arch"] in TRACED and row[column]]
    found = {arch: load_profile(name).predict(t) for arch, t in zip(TRACED, traced(), strict=True)}
    assert rows
    for row in rows:
        assert found[row["arch"]].low[0] < 1e3 / float(row[column]) < found[row["arch"]].high[0]


@cache
def traced() -> list[OperatorTable]:
    import timm
    import torch

    from search_spaces import trace

    with torch.device("meta"):
        return [trace(timm.create_model(name)) for name in TRACED]
