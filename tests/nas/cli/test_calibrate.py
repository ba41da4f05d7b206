"""``nas calibrate``: trained accuracies go in, predicted ones with intervals come out, and bad input is met well."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nas
from nas.engine.driver import Driver
from nas.engine.launchers import LocalLauncher
from nas.runs.calibrated import KEY, Calibrated
from nas.runs.store import genomes_of
from tests.nas.cli.conftest import Cli


@pytest.fixture
def run(runs: tuple[Path, Path], tmp_path: Path) -> Path:
    """A finished run of one's own."""
    return Path(shutil.copytree(runs[0], tmp_path / "run"))


def trained(run: Path, count: int = 16, noise: float = 0.05) -> pd.DataFrame:
    """Accuracies that grow with params, of architectures spread over the front."""
    front = nas.load_run(run).front
    rows = np.linspace(0, len(front) - 1, count).astype(int)
    accuracy = 60 + 5 * np.log10(front["params"].iloc[rows] / 1e6)
    accuracy += noise * np.random.default_rng(0).normal(size=count)
    return pd.DataFrame({"id": front["id"].iloc[rows], "index": rows, "accuracy": accuracy.round(3)})


@pytest.fixture(scope="module")
def calibrated_run(runs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was told 16 accuracies."""
    folder = tmp_path_factory.mktemp("calibrated")
    path = Path(shutil.copytree(runs[0], folder / "run"))
    trained(path)[["id", "accuracy"]].to_csv(folder / "trained.csv", index=False)
    nas.calibrate(path, folder / "trained.csv")
    return path


def test_the_front_has_predictions_with_intervals(calibrated_run: Path, runs: tuple[Path, Path]) -> None:
    front = nas.load_run(calibrated_run).front
    assert list(front["id"]) == list(nas.load_run(runs[0]).front["id"])
    assert (front["accuracy_low"] <= front["accuracy_high"]).all()
    assert front["accuracy_trained"].notna().sum() == 16
    truth = 60 + 5 * np.log10(front["params"] / 1e6)
    assert (truth.between(front["accuracy_low"] - 0.1, front["accuracy_high"] + 0.1)).mean() > 0.8


def test_the_recommendation_and_the_report_follow_it(calibrated_run: Path) -> None:
    opened = nas.load_run(calibrated_run)
    assert opened.recommended == int(np.argmax(opened.front["accuracy"]))
    summary = (calibrated_run / "summary.md").read_text()
    assert "highest predicted accuracy" in summary
    assert "16 accuracies of trained.csv" in summary


def test_everything_is_rebuilt_from_the_run(cli: Cli, calibrated_run: Path) -> None:
    before = (calibrated_run / "front.csv").read_bytes()
    (calibrated_run / "front.csv").unlink()
    assert cli("report", calibrated_run).code == 0
    assert (calibrated_run / "front.csv").read_bytes() == before


@pytest.mark.slow
def test_by_row_of_the_front_and_as_data(cli: Cli, run: Path, calibrated_run: Path) -> None:
    trained(run)[["index", "accuracy"]].to_csv("rows.csv", index=False)
    result = cli("calibrate", run, "--results", "rows.csv", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["check"]["networks"] == 16
    assert result.json["check"]["tau"] > 0.7
    assert (run / "front.csv").read_bytes() == (calibrated_run / "front.csv").read_bytes()


@pytest.mark.slow
def test_noise_is_not_followed(cli: Cli, run: Path) -> None:
    before = nas.load_run(run).recommended
    table = trained(run)
    table["accuracy"] = [70.0, 72.0] * 8
    table.to_csv("noise.csv", index=False)
    result = cli("calibrate", run, "--results", "noise.csv")
    assert result.code == 0
    opened = nas.load_run(run)
    calibrated = Calibrated.of(opened)
    assert calibrated is not None
    assert calibrated.ranks == (calibrated.check.tau > 0)
    assert "Kendall's tau" in result.out
    if not calibrated.ranks:
        assert opened.recommended == before
        assert "does not rank" in result.out


def test_a_resumed_run_promotes_the_best_predicted(run: Path) -> None:
    """The archive of a calibrated run is promoted half by prediction, half by spread."""
    table = trained(run)
    opened = nas.load_run(run)
    opened.update(**{KEY: {"accuracies": dict(zip(table["id"], table["accuracy"], strict=True)), "source": "x.csv"}})
    driver = Driver(opened, LocalLauncher(opened.spec, opened.path))
    genomes = genomes_of(opened.store.candidates(), len(opened.space.choices))
    driver._archive.add(genomes, opened.space.price(genomes, opened.space.quantities))
    plain, chosen = driver._archive.spread(8), driver._survivors(8)
    calibrated = Calibrated.of(opened)
    assert calibrated is not None
    best = calibrated.best(driver._archive.spread(512), 4)
    assert len(chosen) == 8
    assert (chosen[:4] == best).all()
    assert not (chosen == plain).all()


BAD = {
    "too few": (lambda t: t.head(9), "at least 10"),
    "unknown id": (lambda t: t.assign(id=["zzz", *t["id"][1:]]), "unknown architecture (line 2 of bad.csv)"),
    "twice": (lambda t: pd.concat([t, t.head(1)]), "more than once"),
    "no number": (lambda t: t.assign(accuracy=["good", *t["accuracy"][1:]]), "line 2 of bad.csv: accuracy must be"),
    "missing value": (lambda t: t.assign(accuracy=[*t["accuracy"][:-1], None]), "line 17 of bad.csv"),
    "no accuracies": (lambda t: t[["id"]], "needs a column 'accuracy'"),
    "no architectures": (lambda t: t[["accuracy"]], "'id' or 'index'"),
    "row beyond the front": (lambda t: t.drop(columns="id").assign(index=10_000), "index must be 0.."),
    "two units": (lambda t: t.assign(accuracy=[0.7, *t["accuracy"][1:]]), "percent or all as fractions"),
    "not percent": (lambda t: t.assign(accuracy=t["accuracy"] * 10), "0..100"),
    "all equal": (lambda t: t.assign(accuracy=70), "nothing to tell"),
    "empty": (lambda t: t.head(0), "at least 10"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(cli: Cli, run: Path, case: str) -> None:
    change, message = BAD[case]
    change(trained(run)).to_csv("bad.csv", index=False)
    before = {p.name: p.read_bytes() for p in run.iterdir() if p.suffix in (".json", ".csv", ".md")}
    result = cli("calibrate", run, "--results", "bad.csv")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert {p.name: p.read_bytes() for p in run.iterdir() if p.suffix in (".json", ".csv", ".md")} == before


def test_files_that_are_no_table(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "zero.csv").write_text("")
    for name in ("none.csv", "binary.csv", "zero.csv", "."):
        result = cli("calibrate", run, "--results", name)
        assert result.code == 2, name
        assert result.err.startswith("error: ")
    assert "is no run directory" in cli("calibrate", tmp_path / "nothing", "--results", "zero.csv").err
    assert KEY not in json.loads((run / "run.json").read_text())
