"""Bad input: one clear line on stderr, exit code 2, nothing on stdout, nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.cli.main import main
from tests.nas.cli.conftest import Cli

SEARCHES = {
    "unknown space": (["--space", "elastcvit"], "did you mean 'elasticvit'"),
    "malformed budget": (["--budget", "lots"], "cannot be read; write for example 600MFLOPs"),
    "wrong unit": (["--budget", "600Mbananas"], "unknown unit"),
    "empty interval": (["--budget", "600..400MFLOPs"], "empty"),
    "latency without a device": (["--budget", "20ms"], "on which device"),
    "infeasible": (["--budget", "1MFLOPs"], "nearest feasible value is 38,286,208"),
    "jointly infeasible": (["--budget", "2000..GFLOPs"], "nearest feasible value"),
    "unknown objective": (["--objective", "capcity"], "did you mean 'capacity'"),
    "unknown proxy": (["--proxy", "zicoo"], "did you mean 'zico'"),
    "unknown resolution": (["--img-size", "130"], "nearest: 128"),
    "no classes": (["--num-classes", "0"], "num_classes"),
    "no candidates": (["--candidates", "0"], "at least 1"),
    "negative workers": (["--workers", "-1"], "workers"),
    "malformed time": (["--time", "5x"], "90s, 5m, 1h"),
    "no time": (["--time", "0"], "leaves no time"),
    "unfit name": (["--name", "../x"], "use letters"),
    "unwritable out": (["--out", "file/below"], "cannot be made"),
    "unreachable database": (["--storage", "nosuch://x"], "database cannot be opened"),
    "ray or not": (["--workers", "0", "--ray-address", "auto"], "choose one"),
}


def one_line(err: str) -> str:
    """The only line, an error."""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("case", SEARCHES)
def test_search(cli: Cli, tmp_path: Path, case: str) -> None:
    (tmp_path / "file").write_text("")
    arguments, expected = SEARCHES[case]
    result = cli("search", *arguments)
    assert result.code == 2
    assert expected in one_line(result.err)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file"]
    if case != "unreachable database":  # which is only known after the survey
        assert result.out == ""


def test_name_collision(cli: Cli, runs: tuple[Path, Path]) -> None:
    before = {p: p.stat().st_mtime_ns for p in runs[0].rglob("*")}
    result = cli("search", "--out", runs[0].parent, "--name", "seed0")
    assert (result.code, result.out) == (2, "")
    assert "exists already" in one_line(result.err)
    assert {p: p.stat().st_mtime_ns for p in runs[0].rglob("*")} == before


ARCHITECTURES = {
    "no form": ("nonsense", "SPACE:NAME, SPACE:smallest, SPACE:largest, RUN, RUN#INDEX or FILE.json"),
    "unknown network": ("elasticvit:S9", "unknown published network"),
    "missing run": ("results/none#0", "is no run directory"),
    "missing file": ("none.json", "cannot be read"),
    "row that is no number": ("results/none#one", "must be a row"),
    "invalid choice": ("invalid.json", "stem.width"),
    "unknown option": ("option.json", "has no option 'depth'"),
    "hostile option": ("hostile.json", "options"),
    "truncated": ("truncated.json", "not JSON"),
    "100 MB": ("huge.json", "at most a megabyte"),
    "binary": ("binary.json", "not a text file"),
    "deeply nested": ("nested.json", "not JSON"),
}


@pytest.fixture
def files(cli: Cli, tmp_path: Path) -> Path:
    """Architecture files that are wrong, each in its own way."""
    assert cli("export", "elasticvit:T1", "--format", "json", "--out", "good.json").code == 0
    good = json.loads((tmp_path / "good.json").read_text())
    wrong = json.loads((tmp_path / "good.json").read_text())
    wrong["config"]["stem"]["width"] = 17
    (tmp_path / "invalid.json").write_text(json.dumps(wrong))
    (tmp_path / "option.json").write_text(json.dumps(good | {"options": {"depth": 3}}))
    (tmp_path / "hostile.json").write_text(json.dumps(good | {"options": {"name": "x"}}))
    (tmp_path / "truncated.json").write_text(json.dumps(good)[:200])
    (tmp_path / "binary.json").write_bytes(b"\x80\x81\xff" * 20)
    (tmp_path / "nested.json").write_text("[" * 100_000)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(100_000_000)
    return tmp_path


@pytest.mark.parametrize("case", ARCHITECTURES)
def test_architecture(cli: Cli, files: Path, case: str) -> None:
    name, expected = ARCHITECTURES[case]
    before = sorted(files.rglob("*"))
    for command in (["build", name, "--out", "m"], ["price", name], ["export", name, "--out", "m.onnx"]):
        result = cli(*command)
        assert (result.code, result.out) == (2, "")
        assert expected in one_line(result.err)
    assert sorted(files.rglob("*")) == before


def test_row_out_of_range(cli: Cli, runs: tuple[Path, Path]) -> None:
    result = cli("build", f"{runs[0]}#999")
    assert result.code == 2
    assert "index must be 0.." in one_line(result.err)


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no run.json": (lambda run: (run / "run.json").unlink(), "no run.json"),
    "half a run.json": (lambda run: (run / "run.json").write_text('{"format": 1, "id"'), "damaged"),
    "another format": (lambda run: (run / "run.json").write_text('{"format": 99}'), "format 99"),
    "no spec": (lambda run: (run / "run.json").write_text('{"format": 1, "spec": 3}'), "damaged"),
    "broken database": (lambda run: (run / "run.sqlite").write_bytes(b"not a database" * 100), "database"),
}


@pytest.mark.parametrize("case", BREAKAGES)
def test_corrupt_run(cli: Cli, runs: tuple[Path, Path], tmp_path: Path, case: str) -> None:
    run = tmp_path / "broken"
    shutil.copytree(runs[0], run)
    breakage, expected = BREAKAGES[case]
    breakage(run)
    result = cli("report", run)
    assert (result.code, result.out) == (2, "")
    assert expected in one_line(result.err)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "id,macs\n\x00"])
def test_corrupt_front(cli: Cli, runs: tuple[Path, Path], tmp_path: Path, content: str) -> None:
    run = tmp_path / "broken"
    shutil.copytree(runs[0], run)
    (run / "front.csv").write_text(content)
    for command in (["resume", run], ["build", f"{run}#0"], ["compare", run, runs[1]]):
        result = cli(*command)
        assert (result.code, result.out) == (2, ""), command
        assert f"rebuild it with: nas report {run}" in one_line(result.err)


def test_runs_of_a_missing_folder(cli: Cli) -> None:
    result = cli("runs", "--out", "nowhere")
    assert result.code == 2
    assert "nowhere is no folder" in one_line(result.err)


def test_unexpected_failures_are_one_line_unless_debug(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import search_spaces

    def broken(name: str) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(search_spaces, "get_space", broken)
    result = cli("spaces", "elasticvit")
    assert result.code == 1
    assert "ZeroDivisionError: oh no" in one_line(result.err)
    assert "--debug" in result.err
    assert "Traceback" in cli("spaces", "elasticvit", "--debug").err
    monkeypatch.setenv("NAS_DEBUG", "1")
    assert "Traceback" in cli("spaces", "elasticvit").err


def test_a_failed_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    from nas.cli.failures import explain
    from nas.errors import RunFailed

    assert explain(RunFailed("the islands stopped", path="results/x"), debug=False) == 1
    assert "continue it with: nas resume results/x" in one_line(capsys.readouterr().err)


def test_a_reader_that_leaves_is_no_failure_to_tell_of(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import subprocess
    import sys

    script = "import sys; from nas.cli.main import main; sys.exit(main(['spaces', 'elasticvit']))"
    done = subprocess.run(f'{sys.executable} -c "{script}" | head -1', shell=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert main(["--version"]) == 0
