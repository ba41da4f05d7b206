"""Several workers: what happens when one is lost."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

LIMIT_S = 900


def losses(folder: Path) -> list[tuple[int, float]]:
    with (folder / "log.csv").open() as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def steps(folder: Path) -> int:
    return len((folder / "log.csv").read_text().splitlines()) - 1 if (folder / "log.csv").exists() else 0


def workers(process: int) -> list[psutil.Process]:
    """Ray's training workers that descend from a process."""
    return [p for p in psutil.Process(process).children(recursive=True) if "RayTrainWorker" in p.name()]


@pytest.mark.slow
@pytest.mark.timeout(3 * LIMIT_S)
def test_a_killed_worker_costs_nothing_but_time(npz: Path, tmp_path: Path) -> None:
    """One of two workers gets SIGKILL in the second epoch: the job ends with the losses of an undisturbed one."""
    command = [
        sys.executable, "-m", "nas", "train", "--space", "autoformer-small", "--data", str(npz), "--batch", "16",
        "--epochs", "4", "--workers", "2", "--out", str(tmp_path),
    ]  # fmt: skip
    subprocess.run([*command, "--name", "whole"], check=True, capture_output=True, timeout=LIMIT_S)
    process = subprocess.Popen([*command, "--name", "cut"], stdout=subprocess.PIPE, text=True)
    folder, start = tmp_path / "cut", time.monotonic()
    while steps(folder) < 13:
        time.sleep(0.02)
        assert process.poll() is None
        assert time.monotonic() - start < LIMIT_S
    alive = workers(process.pid)
    assert len(alive) == 2
    os.kill(alive[-1].pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, out
    assert "a worker was lost, all go on from the last checkpoint" in out
    expected, got = losses(tmp_path / "whole"), losses(folder)
    assert [s for s, _ in got] == [s for s, _ in expected] == list(range(1, len(got) + 1))
    assert [v for _, v in got] == pytest.approx([v for _, v in expected], rel=1e-5)
