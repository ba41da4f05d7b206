"""Real families at 224 pixels, random weights: built, fitted by least squares and switched within 4 GB each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 4e9


def measured(family: str, images: int) -> dict[str, Any]:
    """What ``benchmarks/stitching_families.py`` measures in a process of its own."""
    command = [sys.executable, "benchmarks/stitching_families.py", "--child", family, "--images", str(images)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def fits(found: dict[str, Any], routes: int) -> None:
    """Memory, switching, least squares and the last route's output are as they should be."""
    assert found["routes"] == routes
    assert found["peak_bytes"] < LIMIT
    assert found["switch_us"] < 1000
    assert found["stayed"]
    assert found["finite"]
    assert 0 <= found["residuals"][0] <= found["residuals"][1] < 1.001


def test_a_family_within_four_gigabytes() -> None:
    fits(measured("levit-192-256", 8), 8)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("family", "routes"),
    [("deit-ti-s", 36), ("deit-ti-s-b", 71), ("deit-ti-s-b two-way", 267), ("swin-ti-s", 21), ("levit-128s-384", 8),
     ("resnet-18-50", 10), ("resnet-18-swin-ti", 8)],
)  # fmt: skip
def test_every_family_within_four_gigabytes(family: str, routes: int) -> None:
    """A few hundred images go through both anchors."""
    fits(measured(family, 200), routes)
