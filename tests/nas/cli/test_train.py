"""Training from the command line: a supernet, its evaluation, its search, a subnet taken out and trained further."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import nas
from tests.nas.cli.conftest import Cli
from tests.nas.training.conftest import write_npz

SMALL = ["--space", "autoformer-small", "--batch", "32"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a supernet that is trained; its data lies beside it."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_npz(folder / "stripes.npz")
    job = nas.train_supernet("autoformer-small", str(data), epochs=2, batch=16, sampler="soft", out=folder, name="net")
    return job.path


def losses(folder: Path) -> list[tuple[int, float]]:
    with (folder / "log.csv").open() as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def test_a_supernet_from_training_to_fine_tuning(cli: Cli, trained: Path) -> None:
    data = trained.parent / "stripes.npz"
    document = json.loads((trained / "train.json").read_text())
    assert document["status"] == "done"
    assert {row["name"] for row in document["judged"]} == {"smallest", "largest"}
    assert [step for step, _ in losses(trained)] == list(range(1, document["settings"]["epochs"] * 10 + 1))

    rows = cli("evaluate", trained, "smallest", "largest", "smallest", "--json").json["judged"]
    assert rows[0] == rows[2]
    assert rows[1]["accuracy"] > 0.6

    found = cli("search", "--supernet", trained, "--budget", "20MFLOPs", "--evaluations", "12", "--name", "found")
    assert found.code == 0, found.err
    assert "Satisfiable: yes" in found.out
    assert "highest inherited accuracy of the front" in found.out
    assert "predictor of the search: mean absolute error" in found.out
    run = nas.load_run("results/found")
    assert (run.document["predictor"]["n"], run.document["predictor"]["folds"]) == (12, 10)
    report = Path("results/found/report.html").read_text()
    assert "Kendall tau" in report
    assert "the networks keep no batch statistics" in report
    assert len(run.store.scores()) == 12
    assert {"inherited_accuracy", "macs"} <= set(run.front.columns)
    assert (run.front["macs"] <= 20e6).all()
    assert (run.front["inherited_accuracy"].diff().dropna() <= 0).all()

    taken = cli("extract", trained, "results/found", "--out", "model", "--json").json
    assert taken["id"] == run.front["id"].iloc[run.recommended]
    assert round(taken["trained"]["accuracy"]["validation"], 4) == round(
        run.front["inherited_accuracy"].iloc[run.recommended], 4
    )
    assert nas.load_model("model").num_classes == 3

    tuned = cli("finetune", "model", "--data", data, "--epochs", "1", "--batch", "16", "--name", "tuned")
    assert tuned.code == 0, tuned.err
    assert tuned.out.splitlines()[-1] == "results/tuned"
    assert cli("build", "results/tuned").code == 0
    assert json.loads(Path("results/tuned/model.json").read_text())["trained"]["accuracy"]["test"] > 0.6


@pytest.mark.slow
def test_a_search_that_was_interrupted_ends_as_one_that_was_not(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.training.judge import Judge

    asked = ["search", "--supernet", trained, "--evaluations", "12", "--seed", "3"]
    assert cli(*asked, "--name", "whole").code == 0
    real, seen = Judge.subnet, []

    def interrupted(self: Judge, *arguments: Any) -> Any:
        seen.append(arguments)
        if len(seen) == 10:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(Judge, "subnet", interrupted)
    cut = cli(*asked, "--name", "cut")
    assert cut.code == 130
    assert "continue it with: nas resume results/cut" in cut.err
    monkeypatch.setattr(Judge, "subnet", real)
    assert cli("resume", "results/cut").code == 0
    assert Path("results/cut/front.csv").read_bytes() == Path("results/whole/front.csv").read_bytes()


def test_one_architecture_from_scratch_is_a_saved_model(cli: Cli, trained: Path) -> None:
    cli("extract", trained, "smallest", "--out", "small")
    Path("small/model.safetensors").unlink()
    result = cli(
        "train", "small/model.json", "--data", trained.parent / "stripes.npz", "--epochs", "1", "--name", "one"
    )
    assert result.code == 0, result.err
    assert "test: accuracy" in result.out
    document = json.loads(Path("results/one/model.json").read_text())
    assert document["mean"] == json.loads((trained / "train.json").read_text())["facts"]["mean"]
    assert cli("export", "results/one", "--format", "json", "--out", "a.json").code == 0


def test_an_interrupted_training_continues_with_the_same_losses(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.training.run import _Writer

    data = trained.parent / "stripes.npz"
    asked = ["train", *SMALL, "--data", data, "--epochs", "2"]
    assert cli(*asked, "--name", "whole").code == 0
    whole = _Writer._step

    def cut(self: _Writer, progress: Any) -> None:
        whole(self, progress)
        if progress.step == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(_Writer, "_step", cut)
    result = cli(*asked, "--name", "cut")
    assert result.code == 130
    assert "continue it with: nas resume results/cut" in result.err
    monkeypatch.setattr(_Writer, "_step", whole)
    assert cli("resume", "results/cut").code == 0
    expected, got = losses(Path("results/whole")), losses(Path("results/cut"))
    assert [s for s, _ in got] == [s for s, _ in expected]
    assert [v for _, v in got] == pytest.approx([v for _, v in expected], rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "say what to train"),
        (["train", "elasticvit:S1", "--space", "elasticvit"], "say what to train"),
        (["train", "--space", "autoformer-smal"], "did you mean 'autoformer-small'"),
        (["train", *SMALL, "--sampler", "sandwhich"], "did you mean 'sandwich'"),
        (["train", *SMALL, "--data", "dijits"], "names no data set"),
        (["train", *SMALL, "--clip", "x"], "write none, norm:1.0"),
        (["train", *SMALL, "--epochs", "0"], "epochs must be above 0"),
        (["train", *SMALL, "--batch", "100000"], "more than the 1295 training images"),
        (["train", *SMALL, "--teacher", "timm:resnet5O"], "unknown timm model"),
        (["train", *SMALL, "--workers", "0"], "workers must be at least 1"),
        (["train", *SMALL, "--workers", "2", "--gpus", "1"], "give every worker one (--gpus 2) or none"),
        (["train", *SMALL, "--gpus", "64", "--workers", "64"], "--gpus 64: PyTorch finds"),
        (["train", *SMALL, "--mixup", "2"], "mixup must be from 0 to below 2"),
        (["train", *SMALL, "--set", "emma=0.9"], "did you mean 'ema'"),
        (["train", *SMALL, "--set", "calibration=many"], "expected a whole number, such as 512"),
        (["train", *SMALL, "--set", "ema"], "write NAME=VALUE"),
        (["train", "elasticvit:S1", "--sampler", "sandwich"], "go with --space"),
        (["evaluate", "nowhere", "smallest"], "no training"),
        (["extract", "nowhere", "smallest", "--out", "x"], "no training"),
        (["finetune", "nowhere"], "no saved model with weights"),
        (["search", "--supernet", "nowhere"], "no training"),
        (["search", "--objective", "inherited_accuracy"], "needs a trained supernet"),
        (["search", "--supernet", "x", "--space", "elasticvit"], "--space has no effect with --supernet"),
        (["search", "--supernet", "x", "--candidates", "200000"], "--candidates has no effect with --supernet"),
        (["search", "--supernet", "x", "--proxy", "zico"], "--proxy has no effect with --supernet"),
        (["search", "--supernet", "x", "--workers", "1"], "--workers has no effect with --supernet"),
        (["search", "--supernet", "x", "--islands", "2"], "--islands has no effect with --supernet"),
        (["search", "--evaluations", "64"], "--evaluations goes with --supernet"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str], words: str) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert words in result.err
    assert len(result.err.splitlines()) == 1


def test_an_architecture_of_another_space_is_refused(cli: Cli, trained: Path) -> None:
    result = cli("evaluate", trained, "elasticvit:S1")
    assert result.code == 2
    assert "is of space elasticvit" in result.err


@pytest.mark.slow
def test_kill_9_in_the_middle_of_an_epoch(trained: Path, tmp_path: Path) -> None:
    data = str(trained.parent / "stripes.npz")
    command = [sys.executable, "-m", "nas", "train", *SMALL, "--data", data, "--epochs", "6", "--out", str(tmp_path)]
    subprocess.run([*command, "--name", "whole"], check=True, capture_output=True)
    process = subprocess.Popen([*command, "--name", "cut"], stdout=subprocess.DEVNULL)
    folder = tmp_path / "cut"
    while not (folder / "log.csv").exists() or len((folder / "log.csv").read_text().splitlines()) < 18:
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((folder / "train.json").read_text())["status"] == "running"
    subprocess.run([sys.executable, "-m", "nas", "resume", str(folder)], check=True, capture_output=True)
    expected, got = losses(tmp_path / "whole"), losses(folder)
    assert [s for s, _ in got] == [s for s, _ in expected]
    assert [v for _, v in got] == pytest.approx([v for _, v in expected], rel=1e-5)


@pytest.mark.slow
def test_two_workers_train_what_one_does(trained: Path, tmp_path: Path) -> None:
    """Layer norms only, so halves of a batch give the gradient of the whole."""
    data, common = str(trained.parent / "stripes.npz"), {"epochs": 2, "batch": 16, "augment": "none", "out": tmp_path}
    one = nas.train_supernet("autoformer-small", data, name="one", **common)
    two = nas.train_supernet("autoformer-small", data, name="two", workers=2, **common)
    assert [v for _, v in losses(two.path)] == pytest.approx([v for _, v in losses(one.path)], rel=1e-3)
    assert two.document["status"] == "done"
