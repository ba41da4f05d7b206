"""Runners carry jobs out, and nothing that happens to them changes the result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from nas.service.jobs import Job, Limits, Result
from nas.service.requests import parse
from nas.service.runner import Runner, RunnerSettings
from nas.service.runner.hiding import Hide
from nas.service.runner.latencies import latencies
from nas.service.store import JobStore, StoreError
from search_spaces import get_space

QUICK = {"kind": "search", "space": "elasticvit-small", "proxies": [], "candidates": 1500, "budget": ["20MFLOPs"]}
LONG = {"kind": "search", "space": "elasticvit-small", "proxies": [], "candidates": 50_000_000}
PATIENCE_S = 120.0


class Bench:
    """A store, and a runner on it that runs in a thread."""

    def __init__(self, folder: Path, lease_s: float = 30.0) -> None:
        self.folder, self.url, self.lines = folder, f"sqlite:///{folder / 'jobs.sqlite'}", []
        self.store = JobStore.open(self.url)
        self.settings = RunnerSettings(self.url, folder, lease_s=lease_s, name="bench")
        self.runner = Runner(self.settings, self.store, self.lines.append)
        self.thread = threading.Thread(target=self.runner.run)

    lines: list[str]

    def submit(self, document: dict[str, Any], user: str = "ada") -> str:
        return self.store.submit(parse(document), user)[0].id

    def until(self, job: str, reached: Callable[[Job], bool]) -> Job:
        deadline = time.monotonic() + PATIENCE_S
        while not reached(found := self.store.job(job)):
            assert time.monotonic() < deadline, (found, self.lines)
            assert self.thread.is_alive(), self.lines
            time.sleep(0.03)
        return found

    def ended(self, job: str) -> Job:
        return self.until(job, lambda found: found.finished_for_good)

    def exploring(self, job: str) -> Job:
        return self.until(job, lambda found: found.progress.get("phase") == "exploring")

    def workers(self) -> list[psutil.Process]:
        """Its own: their open files are in its folder."""
        children = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
        return [p for p in children if any(f.path.startswith(str(self.folder)) for f in p.open_files())]

    def close(self) -> None:
        self.runner.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.store.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("service"))
    made.thread.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """The front of QUICK, searched without any service."""
    import nas

    run = nas.search(
        QUICK["space"], QUICK["budget"], proxies=[], candidates=QUICK["candidates"], workers=0,  # type: ignore[arg-type]
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return run.front.drop(columns="architecture").to_numpy(dtype=object).tolist()


@pytest.fixture(scope="module")
def job(bench: Bench) -> Job:
    """QUICK, done."""
    return bench.ended(bench.submit(QUICK))


def test_a_search_ends_as_without_a_service(bench: Bench, job: Job, undisturbed: list[list[Any]]) -> None:
    front = json.loads(bench.store.front(job.id)[1])
    assert (job.state, job.attempt, front["final"]) == ("done", 1, True)
    assert front["rows"] == undisturbed
    assert [goal["name"] for goal in front["objectives"]] == ["capacity", "macs"]
    assert job.summary["recommended"]["id"] == front["rows"][front["recommended"]][0]
    for index in (0, len(front["rows"]) - 1):
        document = json.loads(bench.store.architecture(job.id, index))
        assert [document["id"], *document["price"].values()] == front["rows"][index]
        space = get_space(document["space"], **document["options"])
        architecture = space.architecture(document["config"])
        assert architecture.id == document["id"]
        assert document["latency"] == latencies([space.operators(architecture)])[0]
        assert sum(stage["macs"] for stage in document["stages"]) == document["price"]["macs"]


def test_no_path_of_the_host_is_told(bench: Bench, job: Job) -> None:
    told = [json.dumps(job.to_dict()), bench.store.front(job.id)[1], bench.store.architecture(job.id, 0)]
    told += [line for _, _, line in bench.store.log(job.id)]
    assert not any(str(bench.folder) in text or "/tmp" in text or os.getcwd() in text for text in told)


def test_the_front_fills_while_it_runs_and_it_can_be_cancelled(bench: Bench) -> None:
    job = bench.submit(LONG)
    bench.until(job, lambda found: found.front_version is not None)
    first, document = bench.store.front(job)
    rows = json.loads(document)
    assert (rows["final"], rows["columns"][0]) == (False, "id")
    assert 0 < len(rows["rows"]) <= 200
    found = bench.until(job, lambda found: (found.front_version or 0) > first)
    assert 0 < found.progress["done"] < found.progress["total"]
    begin = time.monotonic()
    bench.store.cancel(job)
    assert bench.ended(job).state == "cancelled"
    assert time.monotonic() - begin < 30


def test_a_killed_worker_is_replaced_and_its_job_resumed(bench: Bench) -> None:
    """Killed while it explores; the front is that of an undisturbed run."""
    document = QUICK | {"candidates": 60_000, "seed": 3}
    job = bench.submit(document)
    bench.exploring(job)
    (worker,) = bench.workers()
    worker.kill()
    found = bench.ended(job)
    assert (found.state, found.attempt) == ("done", 2)
    assert "resumed" in [line for _, _, line in bench.store.log(job)]
    again = bench.ended(bench.submit(document))
    assert again.attempt == 1
    fronts = [json.loads(bench.store.front(identity)[1])["rows"] for identity in (job, again.id)]
    assert fronts[0] == fronts[1]


def test_what_cannot_be_done_fails_in_the_words_of_the_command_line(bench: Bench) -> None:
    job = bench.ended(bench.submit(QUICK | {"budget": ["1FLOPs"]}))
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["title"] == "Budget infeasible"
    assert "the nearest feasible value is" in job.problem["detail"]
    assert not (bench.settings.runs / job.id).exists()


@pytest.mark.slow
def test_a_design(bench: Bench) -> None:
    job = bench.ended(bench.submit({"kind": "design", "budget": ["1.82GFLOPs"], "gap": 0.9, "time_s": 2.0}))
    assert job.state == "done", job.problem
    front = json.loads(bench.store.front(job.id)[1])
    row = dict(zip(front["columns"], front["rows"][0], strict=True))
    assert row["macs"] <= 1.82e9
    assert row["gap"] > 0
    assert json.loads(bench.store.architecture(job.id, 0))["space"] == "convnet"


def test_a_profile(bench: Bench) -> None:
    document = {"kind": "profile", "out": "a-board", "peak_macs": 2e12, "bandwidth": 5e10, "title": "A board"}
    job = bench.ended(bench.submit(document))
    assert job.state == "done", job.problem
    profile = json.loads(bench.store.architecture(job.id, 0))
    assert (profile["name"], profile["title"], profile["source"]) == ("a-board", "A board", "roofline")
    taken = bench.ended(bench.submit(document | {"peak_macs": 3e12}))
    assert taken.state == "failed"
    assert taken.problem is not None
    assert "choose another name" in taken.problem["detail"]


@pytest.fixture(autouse=True, scope="module")
def own_profiles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Profiles that tests make are no profiles of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_PROFILES", str(tmp_path_factory.mktemp("profiles")))
        yield


def test_a_time_quota_ends_it(bench: Bench) -> None:
    bench.store.create_token("bob", ["submit"], limits=Limits(seconds=2))
    job = bench.ended(bench.submit(LONG, "bob"))
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["title"] == "Time quota exceeded"


class Away(JobStore):
    """A store whose database can be unplugged."""

    plugged = True

    def heartbeat(self, *args: Any, **options: Any) -> Any:
        if not self.plugged:
            raise StoreError("unplugged")
        return super().heartbeat(*args, **options)

    def finish(self, claim: Any, result: Result) -> bool:
        if not self.plugged:
            raise StoreError("unplugged")
        return super().finish(claim, result)


def test_a_store_that_is_away_and_a_runner_that_is_stopped(tmp_path: Path) -> None:
    """For longer than the lease: nothing is written any more. Stopped: its job is in the queue again at once."""
    bench = Bench(tmp_path, lease_s=3.0)
    bench.store.__class__ = Away
    bench.thread.start()
    job = bench.submit(LONG)
    bench.exploring(job)
    (worker,) = bench.workers()
    Away.plugged = False
    try:
        deadline = time.monotonic() + PATIENCE_S
        while _alive(worker):
            assert time.monotonic() < deadline, bench.lines
            time.sleep(0.05)
    finally:
        Away.plugged = True
    assert any("lease ran out" in line for line in bench.lines)
    found = bench.until(job, lambda found: found.attempt >= 2 and found.state == "running")
    workers = psutil.Process().children()
    bench.close()
    opened = JobStore.open(bench.url, migrate=False)
    assert (opened.job(job).state, opened.job(job).attempt) == ("queued", found.attempt)
    opened.close()
    assert sum(map(_alive, workers)) == len(workers) - 1


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_paths_are_hidden(tmp_path: Path) -> None:
    settings = RunnerSettings("sqlite:///x", tmp_path, data_roots={"set": tmp_path / "in"})
    hide = Hide(settings)
    assert hide(f"{tmp_path}/in/a.npz is no data set") == "set/a.npz is no data set"
    assert hide(f"{tmp_path}/runs/abc exists; see {tmp_path}/runs") == "abc exists; see "
    assert hide.all({"message": f"{tmp_path}/x", "done": 1}) == {"message": "x", "done": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        QUICK | {"candidates": 60_000},
        {"kind": "scale", "budget": ["0.05GFLOPs"], "evaluations": 6, "options": {"img_size": 64}},
        {"kind": "train", "space": "elasticvit-small", "epochs": 3, "batch": 128},
        {"kind": "design", "budget": ["1.82GFLOPs"], "gap": 0.9, "time_s": 10.0},
        {"kind": "stitch", "random_anchors": True, "epochs": 2, "batch": 256, "num_images": 64, "anchors": [
            "vit_tiny_patch16_224?patch_size=4&depth=2", "vit_small_patch16_224?patch_size=4&depth=2"]},
    ],
    ids=lambda d: str(d["kind"]),
)  # fmt: skip
def test_another_runner_resumes_what_a_killed_one_began(document: dict[str, Any], tmp_path: Path) -> None:
    """kill -9 to a real ``nas runner`` in the middle: its worker dies too, and the result is an undisturbed one's."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = JobStore.open(url)
    job, same = (store.submit(parse(document), "ada")[0].id for _ in range(2))
    words = [sys.executable, "-m", "nas", "runner", "--storage", url, "--data", str(tmp_path), "--lease", "3"]
    first = subprocess.Popen(words)
    _wait(lambda: store.job(job).progress.get("done"))
    workers = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    _wait(lambda: not any(map(_alive, workers)))
    second = subprocess.Popen(words)
    try:
        _wait(lambda: store.job(job).finished_for_good and store.job(same).finished_for_good)
    finally:
        second.terminate()
        assert second.wait(30) == 0
    found = store.job(job)
    assert (found.state, found.attempt) == ("done", 2), found.problem
    if document["kind"] != "design":  # whose result depends on the time it had
        fronts = [json.loads(store.front(identity)[1])["rows"] for identity in (job, same)]
        assert fronts[0] == fronts[1]
    store.close()


def _wait(reached: Callable[[], object], seconds: float = 280.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)
