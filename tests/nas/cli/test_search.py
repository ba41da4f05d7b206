"""``nas search`` and the commands that read its run."""

from __future__ import annotations

from pathlib import Path

import pytest

import nas
from tests.nas.cli.conftest import QUICK, Cli


def test_search_says_what_the_budget_means_recommends_and_ends_with_the_report(cli: Cli) -> None:
    result = cli("search", "--budget", "200MFLOPs", *QUICK, "--name", "x")
    assert (result.code, result.err) == (0, "")
    for words in ("smallest", "typical", "largest", "Satisfiable: yes", "at most 200.0 M"):
        assert words in result.out
    assert result.out.index("Satisfiable") < result.out.index("exploring:") < result.out.index("Recommended: #")
    for words in ("why: ", "how sure: ", "next to it: ", "The front: "):
        assert words in result.out
    last = result.out.splitlines()[-1]
    assert last == "results/x/report.html"
    assert Path(last).is_file()


def test_search_json_is_one_document_and_progress_goes_to_stderr(cli: Cli) -> None:
    result = cli("search", "--budget", "50..200MFLOPs", "--budget", "9Mparams", *QUICK, "--seed", "3", "--json")
    assert result.code == 0
    found = result.json
    assert "exploring:" in result.err
    assert all(50e6 <= row["macs"] <= 200e6 and row["params"] <= 9e6 for row in found["front"])
    assert found["front"][found["recommended"]["index"]]["id"] == found["recommended"]["id"]
    assert [row["index"] for row in found["front"]] == list(range(len(found["front"])))
    assert found["space_options"] == {"img_size": 128}
    assert Path(found["report"]).is_file()


def test_table_of_a_long_front_is_cut_and_says_so(cli: Cli, runs: tuple[Path, Path]) -> None:
    result = cli("report", runs[0])
    size = len(nas.load_run(runs[0]).front)
    assert size > 12
    assert f"The front: {size} architectures, " in result.out
    shown = [line.split()[0] for line in result.out.partition(" id ")[2].splitlines() if line[:2].strip().isdecimal()]
    assert 8 <= len(shown) <= 12
    assert {"0", str(size - 1)} <= set(shown)


def test_report_rebuilds_what_was_deleted(cli: Cli, runs: tuple[Path, Path]) -> None:
    before = (runs[0] / "front.csv").read_bytes()
    for name in ("front.csv", "report.html", "front.png"):
        (runs[0] / name).unlink()
    assert cli("report", runs[0], "--json").json["status"] == "done"
    assert (runs[0] / "front.csv").read_bytes() == before
    assert (runs[0] / "report.html").is_file()


def test_resume_of_a_finished_run_shows_it(cli: Cli, runs: tuple[Path, Path]) -> None:
    result = cli("resume", runs[0])
    assert result.code == 0
    assert result.out.splitlines()[-1] == str(runs[0] / "report.html")


def test_resume_of_an_interrupted_run_ends_as_the_undisturbed(
    cli: Cli, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.engine.driver import Driver

    settings = ["--budget", "200MFLOPs", *QUICK, "--num-classes", "10", "--name", "cut"]
    whole, calls = Driver._record, []

    def cut(self: Driver, *arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        whole(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Driver, "_record", cut)
    result = cli("search", *settings)
    assert result.code == 130
    assert "continue it with: nas resume results/cut" in result.err
    monkeypatch.setattr(Driver, "_record", whole)
    assert cli("resume", "results/cut", "--workers", "0").code == 0
    assert Path("results/cut/front.csv").read_bytes() == (runs[0] / "front.csv").read_bytes()


def test_runs_lists_oldest_first(cli: Cli, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a long path is folded, and pytest's grow with every run
    rows = cli("runs", "--out", runs[0].parent, "--json").json
    assert [row["name"] for row in rows] == ["seed0", "seed1"]
    assert all(row["status"] == "done" and row["front"] > 1 for row in rows)
    assert "seed1" in cli("runs", "--out", runs[0].parent).out


def test_runs_of_an_empty_folder_says_how_to_make_one(cli: Cli, tmp_path: Path) -> None:
    assert "nas search" in cli("runs", "--out", tmp_path).out


def test_compare(cli: Cli, runs: tuple[Path, Path]) -> None:
    found = cli("compare", *runs, "--json").json
    assert found["objectives"] == {"capacity": "max", "macs": "min"}
    merged = len(found["merged"])
    alone = [row["alone"] for row in found["runs"]]
    shared = merged - sum(alone)
    assert [row["contributes"] for row in found["runs"]] == [a + shared for a in alone]
    assert all(0 < row["hypervolume"] < 1 for row in found["runs"])
    text = cli("compare", *runs).out
    assert "Merged front" in text
    assert "MACs (M), " in text


def test_compare_knows_the_better_run(cli: Cli, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """A run whose front is part of another's adds nothing to it."""
    import shutil

    part = tmp_path / "part"
    shutil.copytree(runs[0], part)
    lines = (part / "front.csv").read_text().splitlines(keepends=True)
    (part / "front.csv").write_text("".join(lines[:4]))
    first, second = cli("compare", runs[0], part, "--json").json["runs"]
    assert first["hypervolume"] > second["hypervolume"]
    assert second["alone"] == 0
    assert second["contributes"] == 3


def test_proxies_judge_and_choose(cli: Cli) -> None:
    settings = ["--workers", "0", "--candidates", "1000", "--promote", "2", "--proxy", "grad_norm"]
    found = cli("search", "--space", "elasticvit-small", "--budget", "15MFLOPs", *settings, "--json").json
    assert all(row["grad_norm"] is not None for row in found["front"])
    assert "grad_norm" in found["recommended"]["reasons"][0]
