"""Processes that decode: as many as a GPU needs, none on a CPU, and the same images whatever their number."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.training.data import load_data
from nas.training.data.decoders import MOST, decoders
from nas.training.job import Job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve images of two classes."""
    rng = np.random.default_rng(0)
    for number in range(12):
        place = tmp_path / "images" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(place / f"{number}.png")
    return tmp_path / "images"


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(12)), raising=False)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 2**34}))
    assert decoders(torch.device("cpu")) == 0
    assert decoders(torch.device("cuda")) == 6
    assert decoders(torch.device("cuda"), sharers=4) == 1
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(200)), raising=False)
    assert decoders(torch.device("cuda")) == MOST
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 2**26}))
    assert decoders(torch.device("cuda")) == 0


def test_a_gpu_s_training_asks_for_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``run_job`` passes them on to the data."""
    from nas.training import run

    asked = []

    class Asked(Exception):
        """So far and no further."""

    def load(self: Job, workers: int = 0) -> None:
        asked.append(workers)
        raise Asked

    monkeypatch.setattr(Job, "open", classmethod(lambda cls, path: Job(tmp_path, {})))
    monkeypatch.setattr(Job, "load_data", load)
    monkeypatch.setattr(run, "decoders", lambda device, sharers: 3 if device.type == "cuda" else 0)
    for kind in ("cuda", "cpu"):
        with pytest.raises(Asked):
            run.run_job(tmp_path, device=torch.device(kind))
    assert asked == [3, 0]


def test_their_number_changes_no_image(folder: Path) -> None:
    """Two processes, and any way to start them: what they are sent can be pickled."""
    rows, seeds = [np.array([0, 3]), np.array([5, 1])], [7, 8]
    batches = [
        list(load_data(str(folder), side=8, validation=0.2, workers=n).train.batches(rows, seeds)) for n in (0, 2)
    ]
    for (x, labels), (other, same) in zip(*batches, strict=True):
        assert torch.equal(x, other)
        assert torch.equal(labels, same)
    whole = load_data(str(folder), side=8, validation=0.2)
    again = pickle.loads(pickle.dumps(whole))
    assert torch.equal(next(again.train.batches(rows, seeds))[0], batches[0][0][0])
