"""``nas scale`` as a person or a script would run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas.designers.asvit.measure import Bench, Measured, Task
from tests.nas.cli.conftest import Cli, Result
from tests.nas.scaling import fake

QUICK = ["--evaluations", "12", "--img-size", "32", "--num-classes", "10", "--workers", "0", "--name", "one"]


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "measure", fake)


@pytest.fixture
def scaled(cli: Cli) -> Result:
    return cli("scale", "--budget", "8MFLOPs", *QUICK)


def test_what_a_person_sees(scaled: Result, cli: Cli, tmp_path: Path) -> None:
    """The question, the progress, the series with the trivial score beside LE, what to do next; others read it."""
    assert (scaled.code, scaled.err) == (0, "")
    for words in (
        "4,556,250 seed topologies; 12 to judge", "12 of 12 seed topologies judged", "growth candidates",
        "The series:", "K2 x K3 x K4", "Kendall tau", "No further step keeps to the budget", "nas build",
    ):  # fmt: skip
        assert words in scaled.out
    assert scaled.out.splitlines()[-1] == "results/one/report.html"
    assert (tmp_path / "results/one/report.html").is_file()
    assert "one" in cli("runs").out
    priced = cli("price", "results/one#0", "--json")
    assert (priced.code, priced.json["macs"] <= 8e6) == (0, True)
    built = cli("build", "results/one", "--out", "model")
    assert built.code == 0
    again = cli("report", "results/one", "--json")
    assert (again.code, again.json["judged"]) == (0, 12)


def test_json(cli: Cli) -> None:
    """One document on stdout, everything else on stderr; the last network is the largest."""
    result = cli("scale", "--budget", "8MFLOPs", *QUICK, "--json")
    assert result.code == 0
    assert list(result.json) == [
        "run", "networks", "judged", "failed", "tau_le_merging", "ended", "reproducible", "report",
    ]  # fmt: skip
    assert "seed topologies judged" in result.err
    macs = [network["macs"] for network in result.json["networks"]]
    assert macs == sorted(macs)
    assert macs[-1] <= 8e6
    assert {"genotype", "le", "ntk", "merging"} <= set(result.json["networks"][0])


def test_interrupted_and_resumed(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130 and the command that goes on; that one ends as if nothing had happened."""
    left = [30]

    def interrupt(bench: Bench, task: Task) -> Measured:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return fake(bench, task)

    monkeypatch.setattr(Bench, "measure", interrupt)
    stopped = cli("scale", "--budget", "8MFLOPs", *QUICK)
    assert stopped.code == 130
    assert "nas resume results/one" in stopped.err
    resumed = cli("resume", "results/one", "--workers", "0", "--json")
    assert resumed.code == 0
    whole = cli("scale", "--budget", "8MFLOPs", *QUICK[:-1], "whole", "--json")
    assert resumed.json["networks"] == whole.json["networks"]
    assert json.loads((tmp_path / "results/one/run.json").read_text())["status"] == "done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget", "1kFLOPs"], "the smallest needs"),
        (["--budget", "4..5GFLOPs"], "upper limit"),
        (["--budget", "20ms@pixel6"], "not latency@pixel6"),
        ([], "needs a budget"),
        (["--budget", "5GFLOPs", "--protocol", "published"], "known: default, paper"),
        (["--budget", "5GFLOPs", "--evaluations", "0"], "evaluations must be"),
        (["--budget", "5GFLOPs", "--minutes", "0"], "minutes must be"),
        (["--budget", "5GFLOPs", "--img-size", "100"], "multiple of 32"),
        (["--budget", "5GFLOPs", "--data", "nowhere"], "names no data set"),
        (["--budget", "5GFLOPs", "--name", "../up"], "name"),
    ],
)
def test_bad_input_is_one_line(cli: Cli, tmp_path: Path, arguments: list[Any], said: str) -> None:
    result = cli("scale", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: ")
    assert said in result.err
    assert not (tmp_path / "results").exists()


def test_a_run_is_never_overwritten(scaled: Result, cli: Cli) -> None:
    again = cli("scale", "--budget", "8MFLOPs", *QUICK)
    assert (again.code, again.out) == (2, "")
    assert "results/one" in again.err
