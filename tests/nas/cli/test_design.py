"""``nas design``: solve, verify, score, sweep as a person or a script would."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.designers.deepmad import Solution, infeasible, solver
from tests.nas.cli.conftest import Cli, Result

KEYS = ["objective", "score", "penalty", "bound", "gap", "macs", "params", "rho", "seconds", "structure"]
GRID: dict[str, Any] = {
    "out": [16, 32, 64], "bottleneck": [8, 16, 32], "kernel": [3, 5], "stem": [8],
    "depth": {"first_stage_max": 1, "max": 2},
    "rules": ["bottleneck between out/10 and out", "out_s between out_(s-1) and 4 out_(s-1)"],
}  # fmt: skip
QUICK = ["--grid", "grid.json", "--workers", "0", "--strides", "2,2,2", "--rho", "0.5", "--gap", "0", "--time", "5s"]
FEASIBLE = ["--budget", "40MFLOPs", "--budget", "150kparams"]


@pytest.fixture(autouse=True)
def _quick_and_seeing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infeasible, "GENERATIONS", 12)
    monkeypatch.setattr(solver, "GENERATIONS", 50)


@pytest.fixture
def designer(cli: Cli, tmp_path: Path) -> Cli:
    """``designer("--budget", ...)``: a quick solve on a small grid, in an empty folder."""
    (tmp_path / "grid.json").write_text(json.dumps(GRID))
    return lambda *arguments: cli("design", "deepmad", *QUICK, *arguments)


def refused(result: Result, code: int = 2) -> str:
    """The only line, an error."""
    assert result.code == code
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    return result.err


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_json_prints_exactly_these_keys(designer: Cli, tmp_path: Path) -> None:
    result = designer(*FEASIBLE, "--json")
    assert result.code == 0
    assert list(result.json) == KEYS
    assert result.json["macs"] <= 40e6
    assert result.json["params"] <= 150e3
    assert result.json["rho"] <= 0.5
    assert result.json["objective"] == pytest.approx(result.json["score"] - result.json["penalty"])
    assert "best" in result.err
    assert files(tmp_path) == ["grid.json"]


def test_unknown_bounds_are_null(designer: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before there is a bound: the best so far, valid JSON, exit code 0."""

    def unbounded(*arguments: Any, **options: Any) -> Solution:
        return dataclasses.replace(solver.solve(*arguments, **options), bound=inf, gap=inf, interrupted=True)

    monkeypatch.setattr("nas.designing.solve", unbounded)
    result = designer(*FEASIBLE, "--json")
    assert (result.code, result.json["bound"], result.json["gap"]) == (0, None, None)
    shown = designer(*FEASIBLE, "--out", "results")
    assert shown.code == 0
    assert "interrupted after" in shown.out
    assert "No bound yet" in shown.out
    assert "report" not in shown.err


def test_an_interrupt_before_the_first_design(designer: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.designing.solve", interrupt)
    for arguments in ([], ["--json"]):
        result = designer(*FEASIBLE, *arguments)
        assert (result.code, result.out) == (130, "")
        assert "nothing was written" in result.err


def test_what_a_person_sees(designer: Cli) -> None:
    result = designer(*FEASIBLE)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("[")
    assert "Proven optimal" in result.out
    for word in ("stem", "S1", "S3", "head", "bottleneck", "share of MACs", "1 % more would buy", "binds", "rho"):
        assert word in result.out


def test_written_and_verified(designer: Cli, cli: Cli, tmp_path: Path) -> None:
    assert designer(*FEASIBLE, "--certificate", "proof.json", "--out", "results", "--name", "one").code == 0
    assert json.loads((tmp_path / "proof.json").read_text()) == json.loads(
        (tmp_path / "results/one/certificate.json").read_text()
    )
    for name in ("proof.json", "results/one"):
        result = cli("design", "verify", name)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith("verified: ")
        assert result.out.count("\n") == 1
    assert cli("design", "verify", "proof.json", "--json").json["verified"] is True
    assert cli("build", "results/one").code == 0
    assert cli("report", "results/one", "--json").json["designs"][0]["structure"]
    assert [run["budget"] for run in cli("runs", "--json").json] == ["40MFLOPs, 150kparams"]


TAMPERED = {
    "objective": ("objective", lambda c: c["objective"] + 1, 1),
    "bound": ("bound", lambda c: c["objective"] * 0.9, 1),
    "no bound": ("bound", lambda c: None, 1),
    "regions": ("regions", lambda c: c["regions"][1:], 1),
    "levels": ("levels", lambda c: [], 2),
    "problem": ("problem", lambda c: 3, 2),
    "grid": ("problem", lambda c: {**c["problem"], "grid": {**GRID, "depth": {"max": 10**9}}}, 2),
    "kind": ("kind", lambda c: "poem", 2),
    "version": ("version", lambda c: 99, 2),
    "structure": ("structure", lambda c: {"stages": []}, 2),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_certificates(designer: Cli, cli: Cli, tmp_path: Path, case: str) -> None:
    """1: the claim does not follow. 2: not a certificate."""
    assert designer(*FEASIBLE, "--certificate", "proof.json").code == 0
    certificate = json.loads((tmp_path / "proof.json").read_text())
    field, change, code = TAMPERED[case]
    (tmp_path / "proof.json").write_text(json.dumps({**certificate, field: change(certificate)}))
    result = cli("design", "verify", "proof.json")
    assert result.out == ""
    refused(result, code)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\x80\x81\xff", "not a text file"),
        (b"[1]", "no certificate"),
        (None, "cannot be read"),
    ],
)
def test_junk_instead_of_a_certificate(cli: Cli, tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "junk.json").write_bytes(content)
    assert message in refused(cli("design", "verify", "junk.json"))


BAD = {
    "no budget": ([], "needs a budget"),
    "negative": (["--budget", "-5Mparams"], "negative"),
    "zero": (["--budget", "0params"], "empty"),
    "contradictory": (["--budget", "5..Mparams", "--budget", "3Mparams"], "leave no params"),
    "lower limit": (["--budget", "3..5Mparams"], "upper limits"),
    "memory": (["--budget", "50MB"], "memory"),
    "activations": (["--budget", "5Mactivations", "--family", "mobilenet"], "residual families only"),
    "latency": (["--budget", "20ms@pixel6"], "device profile"),
    "rho 0": (["--budget", "5Mparams", "--rho", "0"], "rho must be"),
    "rho 3": (["--budget", "5Mparams", "--rho", "3"], "rho must be"),
    "family": (["--budget", "5Mparams", "--family", "mobilnet"], "did you mean 'mobilenet'"),
    "convention": (["--budget", "5Mparams", "--convention", "x"], "unknown convention"),
    "missing grid": (["--budget", "5Mparams", "--grid", "none.json"], "cannot be read"),
    "junk grid": (["--budget", "5Mparams", "--grid", "junk.json"], "not a grid"),
    "strides": (["--budget", "5Mparams", "--strides", "2;2;2"], "such as 2,2,2,1,2"),
    "gap": (["--budget", "5Mparams", "--gap", "nan"], "gap must be"),
    "time": (["--budget", "5Mparams", "--time", "soon"], "90s, 5m"),
    "infeasible": (["--budget", "1MFLOPs", "--budget", "12kparams"], "no design of the grid meets"),
    "name": (["--budget", "5Mparams", "--name", "../x"], "use letters"),
    "out": (["--budget", "5Mparams", "--out", "grid.json/x"], "cannot be made"),
    "certificate": (["--budget", "5Mparams", "--certificate", "none/c.json"], "cannot be written"),
    "sweep": (["--sweep", "params=5"], "sweep"),
    "sweep and budget": (["--sweep", "params=5M..6M:2", "--budget", "5Mparams"], "leave out"),
    "sweep and certificate": (["--sweep", "params=5M..6M:2", "--certificate", "c.json"], "certificates/"),
    "infeasible sweep": (["--sweep", "params=1k..2k:2"], "no value of the sweep"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(designer: Cli, tmp_path: Path, case: str) -> None:
    (tmp_path / "junk.json").write_text("[1, 2]")
    before = files(tmp_path)
    arguments, message = BAD[case]
    result = designer(*arguments)
    assert message in refused(result)
    assert result.out == ""
    assert files(tmp_path) == before


def test_a_name_that_is_taken_is_told_before_the_work(designer: Cli, tmp_path: Path) -> None:
    (tmp_path / "results/one").mkdir(parents=True)
    result = designer(*FEASIBLE, "--name", "one")
    assert "exists already" in refused(result)
    assert result.out == ""


CHAIN = [
    {"class": "ConvKXBNRELU", "in": 3, "out": 8, "s": 2, "k": 3},
    {"class": "SuperResK1KXK1", "in": 8, "out": 16, "s": 2, "k": 3, "btn": 8, "L": 1},
    {"class": "SuperResK1KXK1", "in": 24, "out": 32, "s": 2, "k": 3, "btn": 8, "L": 1},
]


def test_a_broken_chain_of_widths(designer: Cli, cli: Cli, tmp_path: Path) -> None:
    structure = designer(*FEASIBLE, "--json").json["structure"]
    (tmp_path / "good.json").write_text(json.dumps(structure))
    assert cli("design", "score", "good.json", "--json").code == 0
    structure["stages"][1]["in"] = 999
    for broken in (structure, CHAIN):
        (tmp_path / "broken.json").write_text(json.dumps(broken))
        assert "broken chain of widths" in refused(cli("design", "score", "broken.json"))


def test_score_agrees_with_the_designer(designer: Cli, cli: Cli, tmp_path: Path) -> None:
    for convention in ("sound", "released"):
        answer = designer(*FEASIBLE, "--convention", convention, "--json").json
        (tmp_path / "answer.json").write_text(json.dumps(answer))
        scored = cli("design", "score", "answer.json", "--convention", convention, "--json").json
        assert {k: scored[k] for k in scored} == {k: answer[k] for k in scored}
    assert "objective" in cli("design", "score", "answer.json").out


def test_a_sweep_is_a_run(designer: Cli, cli: Cli, tmp_path: Path) -> None:
    sweep = ["--budget", "40MFLOPs", "--sweep", "params=20k..150k:3", "--out", "results", "--name", "front"]
    result = designer(*sweep, "--json")
    assert result.code == 0
    assert [list(d) for d in result.json["designs"]] == [KEYS] * 2
    assert len(result.json["infeasible"]) == 1
    run = nas.load_run(tmp_path / "results/front")
    assert len(run.front) == 2
    assert list(run.front["gap"] < 1e-6) == [True, True]
    assert (run.path / "report.html").stat().st_size > 10_000
    for identity in run.front["id"]:
        assert cli("design", "verify", f"results/front/certificates/{identity}.json").code == 0
    assert "results/front" in refused(designer(*sweep))
    assert cli("report", "results/front").code == 0


def test_an_interrupted_sweep_keeps_what_it_has(designer: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nas.cli.design_view import Moves

    def interrupt(self: Moves, seconds: float, objective: float | None, *rest: float) -> None:
        if self._label.startswith("2/"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Moves, "__call__", interrupt)
    result = designer("--budget", "40MFLOPs", "--sweep", "params=100k..150k:3", "--name", "front")
    assert result.code == 130
    assert 1 <= len(nas.load_run(tmp_path / "results/front").front) <= 2


def test_ctrl_c_of_a_real_process(tmp_path: Path) -> None:
    """The default grid, two workers; interrupted after the first incumbent."""
    command = [sys.executable, "-m", "nas", "design", "deepmad", "--budget", "1.82GFLOPs", "--budget", "11.69Mparams"]
    process = subprocess.Popen(
        [*command, "--workers", "2", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    assert "best" in process.stderr.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["params"] <= 11.69e6


def test_help_and_no_torch(cli: Cli, tmp_path: Path) -> None:
    for arguments in (["design", "--help"], ["design"], ["design", "deepmad", "--help"]):
        text = cli(*arguments).out
        assert "nas design" in text
        assert "--json" in text
    (tmp_path / "grid.json").write_text(json.dumps(GRID))
    heavy = ("torch", "ray", "pandas", "matplotlib", "sqlalchemy")
    code = (
        f"import sys\nfrom nas.cli.main import main\ncode = main({['design', 'deepmad', *QUICK, *FEASIBLE]!r})\n"
        f"print([m for m in {heavy!r} if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[] 0"
