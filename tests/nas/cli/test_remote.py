"""``nas --server URL COMMAND`` against a scripted service: what is sent, what is shown, what is written."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.service.requests import KINDS, parse
from tests.nas.cli.conftest import Cli
from tests.nas.client.scripted import HANG_UP, Scripted, job, scripted

ID = "0" * 32
FRONT = {
    "columns": ["id", "macs", "params", "capacity"], "objectives": [], "recommended": 1, "final": True,
    "rows": [["abc", 600_000_000, 9_000_000, 3.5], ["../x", 300_000_000, 5_000_000, 3.1]],
}  # fmt: skip
PROGRESS = {
    "phase": "exploring", "done": 500, "total": 1000, "eta_s": 2.0, "priced": 500, "candidates": 1000, "scored": 0,
    "to_score": 0, "front_size": 7, "hypervolume": 0.5, "elapsed_s": 1.0,
}  # fmt: skip


def stream(*jobs: dict[str, Any]) -> str:
    """Events of these states of a job."""
    return "".join(f"event: job\nid: {i}\ndata: {json.dumps(j)}\n\n" for i, j in enumerate(jobs, 1))


def session(*states: dict[str, Any], after: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """The answers to: is somebody there, submit, events, how did it end; then ``after``."""
    return (200, {}), (202, job("queued")), (200, stream(*states)), (200, states[-1]), *after


def finished(kind: str = "search") -> tuple[Any, ...]:
    """The answers to a whole job with a front of two."""
    states = (job("queued", kind=kind), job("running", kind=kind, progress=PROGRESS), done(kind))
    files = (
        (200, "<html>report</html>"),
        (200, "id,macs\nabc,1\n"),
        (200, FRONT),
        (200, '{"a": 1}'),
        (200, '{"b": 2}'),
    )
    return session(*states, after=(*files, (200, FRONT)))


def done(kind: str = "search") -> dict[str, Any]:
    """A finished job with a front."""
    return job("done", kind=kind, front_version=5, summary={"space": "elasticvit"})


def sent(server: Scripted) -> dict[str, Any]:
    """The body of the submission, which must be one that the service accepts."""
    path, body = next((path, body) for method, path, _, body in server.asked if method == "POST")
    kinds = {"searches": "search", "designs": "design", "scalings": "scale", "stitches": "stitch",
             "trainings": "train", "profiles": "profile"}  # fmt: skip
    parse({"kind": kinds[path.rpartition("/")[2]], **body})
    return dict(body)


def test_a_search_there_looks_like_one_here(cli: Cli, tmp_path: Path) -> None:
    with scripted(*finished()) as server:
        result = cli("--server", server.url, "search", "--budget", "600MFLOPs", "--proxy", "none", "--name", "mine")
    assert (result.code, result.err) == (0, "")
    assert f"{server.url}/jobs/{ID}" in result.out
    assert "exploring: priced 500 of 1,000" in result.out
    assert "Recommended: #1 ../x" in result.out
    assert result.out.splitlines()[-1] == "results/mine"
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == [f"results/mine/{n}" for n in (
        "architectures/000-abc.json", "architectures/001.json", "front.csv", "job.json", "report.html")]  # fmt: skip
    assert sent(server) == {"budget": ["600MFLOPs"], "proxies": [], "name": "mine"}
    assert not server.answers


def test_json_keeps_stdout_for_one_document(cli: Cli) -> None:
    with scripted(*finished()) as server:
        result = cli("--server", server.url, "search", "--budget", "600MFLOPs", "--json")
    assert result.json["recommended"] == 1
    assert result.json["front"][1] == {"index": 1, "id": "../x", "macs": 300_000_000, "params": 5_000_000,
                                       "capacity": 3.1}  # fmt: skip
    assert result.json["job"]["id"] == ID
    assert result.json["folder"] == f"results/search-{ID}"
    assert "exploring" in result.err


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("search --space convnet --family resnet --objective capacity --objective params --time 5m --num-classes 7 "
         "--option size=small",
         {"space": "convnet", "objectives": ["capacity", "params"], "time_s": 300.0,
          "options": {"family": "resnet", "num_classes": 7, "size": "small"}}),
        ("design deepmad --family mobilenet --budget 300MFLOPs --time 90s --strides 2,2,2 --grid grid.json",
         {"family": "mobilenet", "budget": ["300MFLOPs"], "time_s": 90.0, "strides": [2, 2, 2], "grid": {"a": [1]}}),
        ("scale --budget 5GFLOPs --minutes 3 --img-size 64 --data digits",
         {"budget": ["5GFLOPs"], "minutes": 3.0, "data": "digits", "options": {"img_size": 64}}),
        ("stitch --anchors resnet18,resnet50 --data flowers/train --freeze-anchors --two-way --anchor-weights a/b,c/d",
         {"anchors": ["resnet18", "resnet50"], "data": "flowers/train", "two_way": True, "anchor_lr": 0.0,
          "anchor_weights": ["a/b", "c/d"]}),
        ("train --space elasticvit-small --epochs 2 --sampler sandwich --mixup 0.2 --img-size 28",
         {"space": "elasticvit-small", "epochs": 2, "sampler": "sandwich", "mixup": 0.2, "options": {"img_size": 28}}),
        (f"train {ID}#3 --epochs 1", {"architecture": ID, "index": 3, "epochs": 1}),
        ("train elasticvit:S1 --lr 0.01", {"architecture": "elasticvit:S1", "lr": 0.01}),
        ("train arch.json", {"architecture": {"space": "elasticvit"}}),
        ("profile --roofline --peak-macs 2e12 --bandwidth 5e10 --out board",
         {"out": "board", "peak_macs": 2e12, "bandwidth": 5e10}),
        ("profile --import few.csv.gz --from pixel4 --out mine",
         {"out": "mine", "table": "key,ms\n", "start": "pixel4"}),
        ("profile --device cpu --minutes 2 --out runner", {"out": "runner", "device": "cpu", "minutes": 2.0}),
    ],
)  # fmt: skip
def test_options_become_the_request(cli: Cli, tmp_path: Path, line: str, body: dict[str, Any]) -> None:
    """Every kind; and the service's own model takes what is sent."""
    (tmp_path / "grid.json").write_text('{"a": [1]}')
    (tmp_path / "arch.json").write_text('{"space": "elasticvit"}')
    (tmp_path / "few.csv.gz").write_bytes(gzip.compress(b"key,ms\n"))
    with scripted((200, {}), (422, {"detail": "enough"})) as server:
        result = cli("--server", server.url, *line.split())
    assert (result.code, result.out, result.err) == (2, "", "error: enough\n")
    assert sent(server) == body


def test_every_kind_of_job_has_a_command() -> None:
    from nas.cli.remote.translate import KINDS as COMMANDS
    from nas.client.client import COLLECTIONS

    assert set(COMMANDS.values()) == set(KINDS) == set(COLLECTIONS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("price elasticvit:S1", "'nas price' is not for a service"),
        ("resume results/x", "a service resumes its jobs by itself"),
        ("design verify results/x", "'nas design verify' is not for a service"),
        ("search --workers 2", "--workers is not for a service"),
        ("search --ray-address auto", "--ray-address is not for a service"),
        ("design deepmad --budget 1GFLOPs --certificate x.json", "--certificate is not for a service"),
        ("design deepmad --budget 1GFLOPs --grid missing.json", "missing.json cannot be read: No such file"),
        ("train", "say what to train"),
        ("search --time never", "is no duration"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_there_is_said_in_a_line(cli: Cli, line: str, said: str) -> None:
    with scripted((200, {}), (422, {"detail": "say what to train"})) as server:
        result = cli("--server", server.url, *line.split())
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.count("\n") == 1


def test_a_folder_that_is_taken_is_found_before_anything_is_submitted(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "results" / "mine").mkdir(parents=True)
    with scripted() as server:
        result = cli("--server", server.url, "search", "--name", "mine")
    assert result.code == 2
    assert not server.asked


def test_a_failed_job_is_exit_code_1(cli: Cli) -> None:
    failed = job("failed", problem={"title": "Out of memory", "detail": "the runner has too little", "retry": True})
    with scripted(*session(failed)) as server:
        result = cli("--server", server.url, "search", "--budget", "600MFLOPs")
    assert result.code == 1
    assert "failed: the runner has too little" in result.err


def test_nobody_there(cli: Cli) -> None:
    result = cli("--server", "http://127.0.0.1:9", "search", "--budget", "600MFLOPs")
    assert (result.code, result.out) == (2, "")
    assert "no service answers at http://127.0.0.1:9" in result.err


def test_a_job_outlives_its_watcher(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is gone for good after the submission: the job's id has been said, and what becomes of it."""
    monkeypatch.setattr("nas.client.Client", functools.partial(nas.Client, patience_s=0.2))
    with scripted((200, {}), (202, job("queued")), *[(HANG_UP, "")] * 9) as server:
        result = cli("--server", server.url, "search", "--budget", "600MFLOPs")
    assert result.code == 1
    assert f"job {ID} was accepted and goes on" in result.err


def test_runs_lists_the_jobs(cli: Cli) -> None:
    request = {"space": "elasticvit", "budget": ["600MFLOPs"], "name": None}
    page = {"jobs": [job("running", request=request), job("done")], "next_cursor": None}
    with scripted((200, page), (200, page)) as server:
        shown, data = cli("--server", server.url, "runs"), cli("--server", server.url, "runs", "--json")
    assert "elasticvit 600MFLOPs" in shown.out
    assert shown.out.index("done") < shown.out.index("running"), "the newest last"
    assert [each["state"] for each in data.json] == ["done", "running"]


def test_report_fetches_a_job_that_was_submitted_before(cli: Cli, tmp_path: Path) -> None:
    *_, report, csv, front, first, second, again = finished()
    answers = ((200, done()), (200, done()), report, csv, front, first, second, again)
    with scripted(*answers) as server:
        result = cli("--server", server.url, "report", ID)
    assert result.code == 0
    assert (tmp_path / "results" / f"search-{ID}" / "report.html").read_text() == "<html>report</html>"


def test_the_token_comes_from_a_file_or_the_environment(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("nas_of_file\n")
    (tmp_path / "empty").write_text("")
    monkeypatch.setenv("NAS_TOKEN", "nas_of_environment")
    page = (200, {"jobs": [], "next_cursor": None})
    with scripted(page, page) as server:
        cli("--server", server.url, "runs")
        cli("--server", server.url, "--token-file", "token", "runs")
    given = [headers.get("Authorization") for _, _, headers, _ in server.asked]
    assert given == ["Bearer nas_of_environment", "Bearer nas_of_file"]
    assert "holds no token" in cli("--server", "http://x", "--token-file", "empty", "runs").err
    assert "--token-file goes with --server" in cli("--token-file", "token", "runs").err


def test_without_server_nothing_is_remote_again(cli: Cli) -> None:
    """One process, two command lines: the first one's server is not the second's."""
    cli("--server", "http://127.0.0.1:9", "devices")
    assert "no folder" in cli("runs").err
