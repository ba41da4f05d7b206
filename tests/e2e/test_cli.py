"""The program as a person runs it: its own process, a terminal's Ctrl-C, Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

NAS = Path(sys.executable).with_name("nas")
JUDGED = [
    "--space", "elasticvit-small", "--budget", "15MFLOPs", "--candidates", "1500", "--promote", "2",
    "--proxy", "grad_norm",
]  # fmt: skip


def nas(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program in ``folder``."""
    return subprocess.run([NAS, *arguments], cwd=folder, capture_output=True, text=True, timeout=280)


def test_with_ray_the_front_is_that_of_one_process(tmp_path: Path) -> None:
    done = nas(tmp_path, "search", *JUDGED, "--workers", "2", "--name", "ray")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ray is starting" in done.stdout
    assert "Recommended: #" in done.stdout
    report = tmp_path / done.stdout.splitlines()[-1]
    assert report.stat().st_size > 100_000
    assert json.loads((tmp_path / "results/ray/run.json").read_text())["command"].startswith("nas search --space")
    alone = nas(tmp_path, "search", *JUDGED, "--workers", "0", "--name", "alone", "--json")
    assert alone.returncode == 0
    rows = json.loads(alone.stdout)["front"]
    front = tmp_path / "results/ray/front.csv"
    assert front.read_bytes() == (tmp_path / "results/alone/front.csv").read_bytes()
    assert len(rows) == len(front.read_text().splitlines()) - 1


def test_bad_input_from_outside(tmp_path: Path) -> None:
    done = nas(tmp_path, "search", "--budget", "1MFLOPs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "the nearest feasible value is 38,286,208" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_control_c_says_how_to_go_on(tmp_path: Path) -> None:
    command = [str(NAS), "search", "--budget", "600MFLOPs", "--workers", "0", "--name", "cut", "--proxy", "none"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        while "exploring" not in process.stdout.readline():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        error = process.stderr.read()
    assert process.returncode == 130
    assert error == "interrupted; continue it with: nas resume results/cut\n"
    listed = nas(tmp_path, "runs", "--json")
    assert [row["status"] for row in json.loads(listed.stdout)] == ["unfinished"]
