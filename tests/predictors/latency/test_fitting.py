"""Fitting finds what made the data; held-out errors, imported tables and what is wrong with them."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from predictors.latency import MeasurementError
from predictors.latency.errors import ProfileError
from predictors.latency.evidence import held_out, summary, unit_costs
from predictors.latency.features import INDEX, features
from predictors.latency.fitting import ENOUGH_FOR_TREES, Measurements, fit_additive, fit_models
from predictors.latency.grammar import block_table
from predictors.latency.importing import fit_profile, predict_each, read_measured
from predictors.latency.profile import DeviceProfile
from predictors.latency.ridge import fit_ridge
from predictors.latency.roofline import roofline_profile
from predictors.latency.tables import operator_table, read_csv
from predictors.latency.units import whole
from search_spaces.errors import UnknownName
from search_spaces.operators import Kind
from tests.predictors.latency.test_grammar import PHONES, needs_data


def keys(n: int, seed: int = 0) -> list[str]:
    """Random keys of feed-forward and attention blocks."""
    rng = np.random.default_rng(seed)
    sides, widths, ratios = rng.integers(2, 20, n), 8 * rng.integers(6, 40, n), rng.integers(2, 6, n)
    made = []
    for i, (s, c, r) in enumerate(zip(sides, widths, ratios, strict=True)):
        made.append(f"transffn_{s}_{c}_{r}_hard_swish_ln" if i % 2 else f"transattn_{s}_{c}_hard_swish_{r}_ln")
    return made


def measured(n: int = 200, seed: int = 0, noise: float = 0.01, slower: float = 1.0) -> tuple[Measurements, list[str]]:
    """Units whose cost is known: a price per MAC and byte, a kink at 14 positions, noise."""
    names = keys(n, seed)
    units = whole(block_table(names))
    x = features(units)
    kink = np.where(x[:, INDEX["positions_in"]] > 100, 1.2, 1.0)
    cost = slower * kink * (3e-8 * x[:, INDEX["macs_linear_6x8"]] + 2e-7 * x[:, INDEX["moved_softmax"]] + 0.002)
    cost = cost * np.exp(noise * np.random.default_rng(seed).normal(size=n))
    kind = np.array(units.kinds)[units.kind]
    return Measurements(x, kind, kind, cost), names


def table_of(path: Path, names: list[str], cost: np.ndarray, **more: np.ndarray) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["note", "key", "latency_ms", *more])
        for i, (name, value) in enumerate(zip(names, cost.tolist(), strict=True)):
            writer.writerow([f"n{i}", name, value, *(column[i] for column in more.values())])
    return path


def test_prices_are_found_and_never_negative() -> None:
    data, _ = measured(noise=0.0)
    flat = data.cost / np.where(data.x[:, INDEX["positions_in"]] > 100, 1.2, 1.0)
    base = fit_additive(data.x, flat)
    np.testing.assert_allclose(base.cost(data.x), flat, rtol=1e-3)
    assert (base.coefficients > 0).all()


def test_a_kind_keeps_common_prices_of_what_it_never_showed() -> None:
    data, _ = measured()
    conv = features(whole(block_table(["conv_28_24_24_3_1_hard_swish_3_nose", "conv_56_24_24_3_1_hard_swish_5_nose"])))
    common = fit_additive(np.concatenate([data.x, conv]), np.concatenate([data.cost, [1.0, 6.0]]))
    own = fit_additive(data.x, data.cost, common)
    depthwise = [b.cost(conv)[1] - b.intercept for b in (common, own)]
    assert own.cost(conv)[1] > 2
    assert depthwise[1] > 0.3 * depthwise[0] > 0


@pytest.mark.parametrize("n", [60, 2 * ENOUGH_FOR_TREES + 100])
def test_fits_improve_with_measurements(n: int) -> None:
    data, _ = measured(n)
    test, _ = measured(300, seed=1)
    error = np.abs(unit_costs(fit_models(data), test) / test.cost - 1).mean()
    assert error < (0.08 if n == 60 else 0.03)


def test_ridge_finds_a_power_law_and_stands_still_beyond() -> None:
    data, _ = measured(120)
    ratio = 0.3 * np.log1p(data.x[:, INDEX["c_in"]])
    model = fit_ridge(data.x, ratio, ("c_in", "positions_in"))
    np.testing.assert_allclose(model.log(data.x), ratio, atol=0.01)
    far = data.x.copy()
    far[:, INDEX["c_in"]] = 1e9
    assert np.ptp(model.log(far)) < 0.05
    assert model.log(far).max() <= ratio.max() + 0.05


def test_held_out_groups_are_never_fitted() -> None:
    data, names = measured(100)
    groups = np.array(names)
    seen = []

    def fit(part: Measurements) -> object:
        seen.append(set(part.cost.tolist()))
        return fit_models(part)

    found = held_out(data, groups, fit, splits=2)  # type: ignore[arg-type]
    for split in (0, 1):
        assert not seen[split] & set(found.truth[found.split == split].tolist())
    figures = summary(found)
    assert 0 < figures["mape"] < 0.2
    assert set(figures["per_kind"]) == {"attention", "ffn"}


def test_an_imported_table_becomes_a_profile_that_states_its_errors(tmp_path: Path) -> None:
    data, names = measured(240, noise=0.02)
    path = table_of(tmp_path / "table.csv", names, data.cost, energy_mj=3 * data.cost)
    profile = fit_profile(read_measured(read_csv(path), "nn-meter-blocks"), "mine", "Mine")
    again = DeviceProfile.from_json(profile.to_json())
    assert profile.evidence["within10"] > 0.9
    assert profile.source == "imported"
    other, more = measured(200, seed=5, noise=0.02)
    found = predict_each(
        again, read_measured(read_csv(table_of(tmp_path / "o.csv", more, other.cost)), "nn-meter-blocks")
    )
    covered = ((found.low <= other.cost) & (other.cost <= found.high)).mean()
    assert 0.75 < covered <= 1.0
    assert again.energy is not None
    energy = again.predict(block_table(names[:5]), "energy").ms / again.predict(block_table(names[:5])).ms
    np.testing.assert_allclose(energy, 3, rtol=0.05)


def test_what_a_kind_never_showed_widens_the_interval() -> None:
    data, _ = measured(100)
    model = fit_models(data).models["attention"]
    plain = features(whole(block_table(["transattn_7_96_hard_swish_3_ln"])))
    strange = plain.copy()
    strange[0, [INDEX["macs_dwconv"], INDEX["moved_dwconv"]]] = 1e6
    assert not model.outside(plain).any()
    assert model.outside(strange).any()


def test_operator_tables(tmp_path: Path) -> None:
    path = tmp_path / "operators.csv"
    path.write_text(
        "kind,c_in,c_out,kernel_h,kernel_w,h_in,w_in,h_out,w_out,groups,latency_ms\n"
        "conv,16,32,3,3,28,28,28,28,1,0.5\nCONV,16,16,3,3,28,28,28,28,16,0.2\nlinear,64,128,1,1,49,1,49,1,1,0.1\n"
    )
    read = operator_table(read_csv(path))
    assert read["kind"].tolist() == [Kind.CONV, Kind.CONV, Kind.LINEAR]
    assert read.macs.tolist() == [16 * 32 * 9 * 784, 16 * 9 * 784, 64 * 128 * 49]
    made = fit_profile(read_measured(read_csv(path), "operators"), "board", "Board")
    assert made.fusion == "kernels"
    np.testing.assert_allclose(made.predict(read).ms, [0.5, 0.2, 0.1], rtol=0.5)


WRONG = {
    "nan": (
        "key,latency_ms\ntransffn_7_96_4_hard_swish_ln,nan\n",
        "latency_ms must be a finite number above 0",
    ),
    "negative": ("key,latency_ms\ntransffn_7_96_4_hard_swish_ln,-1\n", "line 2: latency_ms must be"),
    "zero": ("key,latency_ms\ntransffn_7_96_4_hard_swish_ln,0\n", "line 2: latency_ms must be"),
    "text": ("key,latency_ms\ntransffn_7_96_4_hard_swish_ln,fast\n", "must be a number, got 'fast'"),
    "key": ("key,latency_ms\ntransffn_7_96_4_hard_swish_ln,1\n\nconv_1_2,1\n", "line 4: 'conv_1_2' is no key"),
    "no column": ("keys,latency_ms\ntransffn_7_96_4_hard_swish_ln,1\n", "unknown column 'key'; did you mean 'keys'"),
    "no latency": ("key\ntransffn_7_96_4_hard_swish_ln\n", "unknown column 'latency_ms'"),
    "cut off": ("key,latency_ms\ntransffn_7_96_4_hard_swish_ln\n", "line 2: 1 fields, but the header has 2"),
    "empty": ("", "no header line"),
    "no rows": ("key,latency_ms\n", "no rows below its header"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(MeasurementError) as caught:
        read_measured(read_csv(path), "nn-meter-blocks").measurements()
    assert message in str(caught.value)
    assert "table.csv" in str(caught.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"none.csv cannot be read"):
        read_csv(tmp_path / "none.csv")
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"key,latency_ms\n" + b"x,1\n" * 5000)[:-20])
    with pytest.raises(MeasurementError, match="no gzip file, or cut off"):
        read_csv(packed)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x00")
    with pytest.raises(MeasurementError, match="not a text file"):
        read_csv(tmp_path / "b.csv")
    (tmp_path / "g.csv").write_text("key,latency_ms\ntransffn_7_96_4_hard_swish_ln,1\n")
    with pytest.raises(UnknownName, match="unknown grammar 'nn-meter'; did you mean 'nn-meter-blocks'"):
        read_measured(read_csv(tmp_path / "g.csv"), "nn-meter")


def test_rows_of_kernels_are_not_priced_by_a_profile_of_blocks(tmp_path: Path) -> None:
    data, names = measured(30)
    blocks = read_measured(read_csv(table_of(tmp_path / "t.csv", names, data.cost)), "nn-meter-blocks")
    board = roofline_profile("board", "Board", macs_per_s=1e12, bytes_per_s=1e10)
    with pytest.raises(MeasurementError, match="board prices kernels, and the rows are blocks"):
        predict_each(board, blocks)


@needs_data
def test_the_phones_tables_are_predicted_where_held_out() -> None:
    """A ridge fit, which is quick, on half of the keys; the shipped profiles' trees are better still."""
    table = read_csv(PHONES).where("device", "pixel6")
    data = read_measured(table, "nn-meter-blocks").measurements()
    half = np.random.default_rng(0).random(len(data)) < 0.5
    found = unit_costs(fit_models(data.of(half), trees=False), data.of(~half))
    error = np.abs(found / data.of(~half).cost - 1)
    assert error.mean() < 0.02
    assert (error <= 0.1).mean() > 0.99


def test_profile_errors_are_nas_errors() -> None:
    with pytest.raises(ProfileError, match="bandwidth must be a finite number above 0"):
        roofline_profile("board", "Board", macs_per_s=1e12, bytes_per_s=0)
