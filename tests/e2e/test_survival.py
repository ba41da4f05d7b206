"""Killed in mid-run, a search still ends with the front of an undisturbed run with the same seed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import nas

SETTINGS = {
    "space": "elasticvit-small", "budget": "15MFLOPs", "candidates": 30_000, "promote": 2, "proxies": ["grad_norm"],
    "seed": 3, "name": "run",
}  # fmt: skip
SCRIPT = "import sys, nas; nas.search(**{settings!r}, workers={workers}, out=sys.argv[1])"
DEADLINE_S = 240


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The front of the same search in one process, without Ray."""
    run = nas.search(**SETTINGS, workers=0, out=tmp_path_factory.mktemp("undisturbed"))
    return (run.path / "front.csv").read_bytes()


def begin(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the search as its own process."""
    script = SCRIPT.format(settings=SETTINGS, workers=workers)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=log, stderr=log)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until ``condition`` holds; fail if the process ends first."""
    start = time.monotonic()
    while not condition():
        assert process.poll() is None, "the search ended before it could be disturbed"
        assert time.monotonic() - start < DEADLINE_S
        time.sleep(0.02)


def generations(folder: Path) -> int:
    """How many generations the run's database holds."""
    try:
        with sqlite3.connect(f"file:{folder / 'run' / 'run.sqlite'}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("select count(*) from generations").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill without a chance to clean up, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


def test_driver_killed_without_ray(tmp_path: Path, undisturbed: bytes) -> None:
    """``kill -9`` of the driver, twice, then resume."""
    process = begin(tmp_path, workers=0)
    wait_for(lambda: generations(tmp_path) > 5, process)
    kill(process)
    assert not (tmp_path / "run" / "front.csv").exists()
    run = nas.resume(tmp_path / "run")
    assert (run.path / "front.csv").read_bytes() == undisturbed


@pytest.mark.slow
def test_driver_killed_with_ray(tmp_path: Path, undisturbed: bytes) -> None:
    """``kill -9`` of the driver while islands run on Ray; nothing of Ray outlives it, and resume finishes."""
    process = begin(tmp_path, workers=2)
    wait_for(lambda: generations(tmp_path) > 5, process)
    # Ray's idle agents notice the loss in their own time (a minute or two); whatever works must be gone at once.
    family = [p for p in psutil.Process(process.pid).children(recursive=True) if "Agent" not in _title(p)]
    kill(process)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    run = nas.resume(tmp_path / "run")
    assert (run.path / "front.csv").read_bytes() == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("what", ["ImplicitFunc", "judge"])
def test_worker_killed(tmp_path: Path, undisturbed: bytes, what: str) -> None:
    """``kill -9`` of a Ray worker: Tune starts the island again, Ray judges the architecture again."""
    process = begin(tmp_path, workers=2)
    family: list[psutil.Process] = []

    def found() -> bool:
        candidates = psutil.Process(process.pid).children(recursive=True)
        family[:] = [p for p in candidates if _title(p).startswith("ray::") and what in _title(p)]
        return bool(family) and (what == "judge" or generations(tmp_path) > 5)

    wait_for(found, process)
    os.kill(family[0].pid, signal.SIGKILL)
    assert process.wait(timeout=DEADLINE_S) == 0, (tmp_path / "log").read_text()
    assert (tmp_path / "run" / "front.csv").read_bytes() == undisturbed


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
