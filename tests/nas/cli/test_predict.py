"""nas predict, devices and profile as a person uses them, and what bad input looks like."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.nas.cli.conftest import Cli
from tests.predictors.latency.test_fitting import measured, table_of
from tests.predictors.latency.toy import profile

PHONES = ("pixel4", "pixel6", "xiaomi11")


@pytest.fixture(autouse=True)
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_PROFILES", str(tmp_path / "profiles"))
    return tmp_path / "profiles"


def test_devices_are_listed_with_their_evidence(cli: Cli) -> None:
    shown, rows = cli("devices"), {r["name"]: r for r in cli("devices", "--json").json}
    assert shown.code == 0
    for phone in PHONES:
        assert phone in shown.out
        figures = rows[phone]["evidence"]
        assert figures["mape"] < 0.025
        assert figures["within10"] > 0.98
        for block in ("conv", "transds", "transattn", "transffn"):
            assert figures["per_kind"][block]["within10"] > 0.96
    one = cli("devices", "pixel6")
    assert "held out" in one.out
    assert "transattn" in one.out


def test_predict_an_architecture_on_several_devices(cli: Cli) -> None:
    rows = cli("predict", "elasticvit:T1", "--device", "pixel6", "--device", "xiaomi11", "--json").json
    assert [r["device"] for r in rows] == ["pixel6", "xiaomi11"]
    for row in rows:
        assert 0 < row["low_ms"] < row["latency_ms"] < row["high_ms"]
        assert 0 < row["coverage"] < 1
    # The table's own sum of T1's blocks is 4.44 ms (without the classifier, the depthwise convolutions on V, sums).
    assert rows[0]["latency_ms"] == pytest.approx(4.44, rel=0.2)
    shown = cli("predict", "elasticvit:T1", "--device", "pixel6")
    assert "dwconv" in shown.out
    assert "never measured" in shown.out


def test_energy_is_shown_where_there_is_some(cli: Cli, tmp_path: Path) -> None:
    path = profile(energy=True).save(tmp_path / "toy.json")
    (row,) = cli("predict", "elasticvit:T1", "--device", path, "--json").json
    assert row["energy_mj"] > 0
    assert "mJ" in cli("predict", "elasticvit:T1", "--device", path).out


def test_a_table_of_blocks_keeps_its_columns_and_gains_three(cli: Cli, tmp_path: Path) -> None:
    data, names = measured(40)
    path = table_of(tmp_path / "blocks.csv", names, data.cost)
    grammar = ("--grammar", "nn-meter-blocks", "--device", "pixel6")
    for out in ("out.csv", "out.csv.gz"):
        assert cli("predict", "--blocks", path, *grammar, "--out", tmp_path / out).code == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert list(rows[0]) == ["note", "key", "latency_ms", "predicted_ms", "predicted_low_ms", "predicted_high_ms"]
    assert [r["key"] for r in rows] == names
    for row in rows:
        assert 0 < float(row["predicted_low_ms"]) < float(row["predicted_ms"]) < float(row["predicted_high_ms"])
    again = cli("predict", "--blocks", tmp_path / "out.csv.gz", *grammar, "--out", tmp_path / "again.csv")
    assert (again.code, "already has a column predicted_ms" in again.err) == (2, True)


def test_import_then_few_shots_then_predict(cli: Cli, tmp_path: Path, own_profiles: Path) -> None:
    known, names = measured(120)
    table_of(tmp_path / "known.csv", names, known.cost)
    made = cli("profile", "--import", "known.csv", "--out", "known", "--json")
    assert made.code == 0
    assert made.json["measurements"] == 120
    few, shots = measured(40, seed=2, slower=2.0)
    table_of(tmp_path / "few.csv", shots, few.cost, device=np.array(["a"] * 20 + ["b"] * 20))
    adapted = cli("profile", "--import", "few.csv", "--from", "known", "--where", "device=b", "--out", "slow")
    assert adapted.code == 0
    assert "few-shot from known" in " ".join(adapted.out.split())
    assert (own_profiles / "slow.json").exists()
    base, slow = (cli("predict", "elasticvit:T1", "--device", d, "--json").json[0] for d in ("known", "slow"))
    assert slow["latency_ms"] == pytest.approx(2 * base["latency_ms"], rel=0.3)
    assert {"known", "slow"} <= {r["name"] for r in cli("devices", "--json").json}


def test_a_datasheets_profile_is_marked_as_such(cli: Cli, tmp_path: Path) -> None:
    numbers = ("--peak-macs", "2e12", "--bandwidth", "50e9", "--overhead", "5e-6")
    made = cli("profile", "--roofline", *numbers, "--out", tmp_path / "board.json")
    assert made.code == 0
    assert "never measured" in made.out
    (row,) = cli("predict", "elasticvit:S1", "--device", tmp_path / "board.json", "--json").json
    assert row["high_ms"] > 1.5 * row["latency_ms"]
    assert row["coverage"] == 0


BAD = {
    "unknown device": (["predict", "elasticvit:S1", "--device", "pixel7"], "did you mean 'pixel"),
    "no device": (["predict", "elasticvit:S1"], "--device"),
    "no architecture": (["predict", "--device", "pixel6"], "name an architecture"),
    "no such file": (["predict", "elasticvit:S1", "--device", "none.json"], "none.json cannot be read"),
    "no grammar": (["predict", "--blocks", "t.csv", "--device", "pixel6", "--out", "o.csv"], "--grammar NAME"),
    "grammar": (
        ["predict", "--blocks", "t.csv", "--grammar", "nn", "--device", "pixel6", "--out", "o.csv"], "unknown grammar"
    ),
    "no blocks file": (
        ["predict", "--blocks", "x.csv", "--grammar", "nn-meter-blocks", "--device", "pixel6", "--out", "o.csv"],
        "x.csv cannot be read",
    ),
    "unwritable": (
        ["predict", "--blocks", "t.csv", "--grammar", "nn-meter-blocks", "--device", "pixel6", "--out", "no/o.csv"],
        "no/o.csv cannot be written",
    ),
    "no source": (["profile", "--out", "x"], "--import"),
    "nan": (["profile", "--import", "nan.csv", "--out", "x"], "nan.csv, line 3: latency_ms must be a finite number"),
    "few": (["profile", "--import", "t.csv", "--from", "pixel6", "--out", "x"], "2 measurements are too few"),
    "start": (["profile", "--import", "t.csv", "--from", "pixle6", "--out", "x"], "did you mean 'pixel6'"),
    "name": (["profile", "--import", "t.csv", "--out", "My Phone"], "--out must be a name"),
    "shipped": (["profile", "--roofline", "--peak-macs", "1", "--bandwidth", "1", "--out", "pixel6"], "choose another"),
    "negative": (["profile", "--roofline", "--peak-macs", "-1", "--bandwidth", "1", "--out", "x"], "above 0"),
    "half a datasheet": (["profile", "--roofline", "--peak-macs", "1", "--out", "x"], "--bandwidth"),
    "where": (["profile", "--import", "t.csv", "--where", "device=a", "--out", "x"], "unknown column 'device'"),
    "devices": (["devices", "pixl6"], "did you mean 'pixel6'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_2(case: str, cli: Cli, tmp_path: Path) -> None:
    key = "transffn_7_96_4_hard_swish_ln"
    (tmp_path / "t.csv").write_text(f"key,latency_ms\n{key},1\n{key},1\n")
    (tmp_path / "nan.csv").write_text(f"key,latency_ms\n{key},1\n{key},nan\n")
    arguments, message = BAD[case]
    result = cli(*arguments)
    assert result.code == 2
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last


@pytest.mark.parametrize("damage", ["cut", "negative", "missing"])
def test_a_damaged_profile_is_refused(damage: str, cli: Cli, tmp_path: Path) -> None:
    text = profile().to_json()
    data = json.loads(text)
    if damage == "negative":
        data["latency"]["models"]["other"]["base"]["additive"]["prices"]["macs"] = -1.0
    if damage == "missing":
        del data["latency"]["models"]["other"]["sigma"]
    (tmp_path / "toy.json").write_text(text[:-99] if damage == "cut" else json.dumps(data))
    result = cli("predict", "elasticvit:T1", "--device", "toy.json")
    expected = {"cut": "no JSON, or cut off", "negative": "prices.macs must be", "missing": "lacks sigma"}
    assert result.code == 2
    assert expected[damage] in result.err
    assert len(result.err.strip().splitlines()) == 1
