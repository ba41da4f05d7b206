"""Profiles: predictions add up, intervals mean something, JSON keeps them, nothing invalid is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from predictors.latency import DeviceProfile, ProfileError, list_profiles, load_profile, save_profile
from predictors.latency.costing import Z90
from predictors.latency.profile import interval_factor
from predictors.latency.units import FUSIONS, Fusion
from search_spaces import get_space
from search_spaces.errors import UnknownName
from search_spaces.operators import OperatorTable, TableBuilder
from tests.predictors.latency.test_units import population
from tests.predictors.latency.toy import profile


def network() -> OperatorTable:
    space = get_space("elasticvit")
    return space.operators(space.published["S1"])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_architecture_costs_the_sum_of_its_units(fusion: Fusion) -> None:
    toy, table = profile(fusion), network()
    found, units = toy.predict(table), toy.units(table)
    assert found.ms[0] == pytest.approx(units.ms.sum())
    assert found.coverage[0] == pytest.approx(units.ms[units.inside].sum() / units.ms.sum())
    assert 0 <= found.coverage[0] < 1
    assert (found.coverage[0] > 0) == (fusion == "blocks")
    assert found.low[0] < found.ms[0] < found.high[0]
    assert units.macs.sum() == table.macs[0]


def test_a_population_costs_what_its_members_cost() -> None:
    toy, space = profile(), get_space("elasticvit")
    together = toy.predict(population("elasticvit", 5))
    genomes = space.sample(5, np.random.default_rng(0))
    alone = [toy.predict(space.operators(space.decode(g))) for g in genomes]
    np.testing.assert_allclose(together.ms, [p.ms[0] for p in alone])
    np.testing.assert_allclose(together.high, [p.high[0] for p in alone])


def test_independent_errors_average_out_and_the_networks_does_not() -> None:
    one = interval_factor(np.array([1.0]), np.array([0.01]), 0.0)
    hundred = interval_factor(np.array([100.0]), np.array([1.0]), 0.0)
    assert np.log(hundred) == pytest.approx(np.log(one) / 10, rel=0.01)
    assert np.log(interval_factor(np.array([100.0]), np.array([0.0]), 0.05)) == pytest.approx(Z90 * 0.05, rel=0.01)


def test_what_was_not_measured_is_named_and_widens_the_interval() -> None:
    toy = profile()
    warnings = toy.predict(network()).warnings
    assert warnings[0].startswith("never measured, estimated from the prices of its parts: ")
    assert "attention" in warnings[0]
    b = TableBuilder(2, ["all"])
    b.pointwise(4, np.array([64, 640]), 7)
    b.linear(np.array([64, 640]), 128, 7, held=1)
    b.linear(128, np.array([64, 640]), 7, held=1)
    found = toy.predict(b.table())
    (warning,) = found.warnings
    assert warning == "ffn: outside of what was measured: channels of its input 640 (measured 48 to 320)"
    assert found.coverage.tolist() == [1.0, 0.0]
    spread = found.high / found.ms
    assert spread[1] > 1.3 * spread[0]


def test_nothing_costs_nothing() -> None:
    found = profile().predict(TableBuilder(2, ["all"]).table())
    assert found.ms.tolist() == found.high.tolist() == [0, 0]
    assert found.coverage.tolist() == [1, 1]
    assert len(profile().units(TableBuilder(2, ["all"]).table()).ms) == 0


def test_energy_where_there_is_some() -> None:
    assert profile(energy=True).predict(network(), "energy").ms[0] > 0
    with pytest.raises(ProfileError, match="toy has no energy model"):
        profile().predict(network(), "energy")


def test_json_keeps_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy, table = profile(energy=True), network()
    again = load_profile(toy.save(tmp_path / "deep" / "toy.json"))
    assert again.to_json() == toy.to_json()
    np.testing.assert_allclose(again.predict(table).high, toy.predict(table).high, rtol=1e-6)
    monkeypatch.setenv("NAS_PROFILES", str(tmp_path / "mine"))
    assert "toy" not in list_profiles()
    save_profile(toy)
    assert "toy" in list_profiles()
    assert load_profile("toy").title == "A toy"


def test_unknown_names_have_a_suggestion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_PROFILES", str(tmp_path))
    save_profile(profile())
    with pytest.raises(UnknownName, match="unknown device 'tooy'; did you mean 'toy'"):
        load_profile("tooy")


BROKEN = {
    "truncated": (lambda d: json.dumps(d)[:-200], "no JSON, or cut off"),
    "NaN": (lambda d: json.dumps(d | {"hardware": {"x": float("nan")}}), "holds NaN"),
    "another format": (lambda d: json.dumps(d | {"format": 2}), "format must be 1"),
    "missing": (lambda d: json.dumps({k: v for k, v in d.items() if k != "latency"}), "lacks latency"),
    "unknown field": (lambda d: json.dumps(d | {"pickle": "..."}), "unknown field 'pickle'"),
    "a name with a path": (lambda d: json.dumps(d | {"name": "../x"}), "name must be"),
    "fusion": (lambda d: json.dumps(d | {"fusion": "graphs"}), "fusion must be one of kernels, blocks"),
    "source": (lambda d: json.dumps(d | {"source": "guessed"}), "source must be one of"),
    "no other": (
        lambda d: json.dumps(d | {"latency": {"models": {}, "calibration": {"scale": 1, "sigma": 0}}}),
        "latency.models lacks other",
    ),
    "negative scale": (
        lambda d: json.dumps(d | {"latency": d["latency"] | {"calibration": {"scale": -1, "sigma": 0}}}),
        "calibration.scale must be a number above 0",
    ),
    "a list": (lambda d: json.dumps([d]), "must be an object"),
    "nested": (lambda d: "[" * 100_000, "nested too deeply"),
    "deep facts": (lambda d: json.dumps(d | {"runtime": {"a": {"b": {"c": {"d": {"e": {}}}}}}}), "nested less deeply"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    path = tmp_path / "broken.json"
    path.write_text(change(json.loads(profile().to_json())))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert message in str(caught.value)
    assert "broken.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none.json cannot be read: No such file"):
        load_profile(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not a text file"):
        load_profile(tmp_path / "binary.json")
    with pytest.raises(ProfileError, match="name must be"):
        DeviceProfile.from_json(json.loads(profile().to_json()) | {"name": "Big Name"})
