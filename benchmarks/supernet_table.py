"""What ``supernet_search.py`` needs: a small trained supernet, and its subnets' accuracies, each measured once."""

from __future__ import annotations

import os
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nas
from nas.engine.pareto import hypervolume, non_dominated
from nas.training.job import Job
from nas.training.judge import Judge
from nas.training.run import default_device
from search_spaces import Architecture, SearchSpace
from search_spaces.space import Genomes

SIDE = 16
"""Pixels of an image: a quarter of the work of 32, so that some three thousand evaluations take minutes, not hours."""
TRAINED, HELD_OUT, TEST = 12_000, 1200, 4000
"""Images of Fashion-MNIST."""
SUPERNET = {
    "space_options": {"img_size": SIDE}, "epochs": 12, "sampler": "uniform", "batch": 64,
    "validation": HELD_OUT / (TRAINED + HELD_OUT),
}  # fmt: skip
REFERENCE = np.array([0.0, 1.0001])


class Table:
    """Accuracies on a part of the data, measured when first asked for and kept in a file."""

    def __init__(self, job: Job, path: Path, part: str) -> None:
        self.space: SearchSpace = job.space
        self._job, self._path, self._part = job, path, part
        lines = path.read_text().splitlines() if path.exists() else []
        self._known = {key: float(value) for key, value in (line.split() for line in lines)}
        self._top = float(job.space.bounds("macs")[1])

    def __call__(self, architecture: Architecture) -> float:
        key = "-".join(map(str, self.space.encode(architecture).tolist()))
        if key not in self._known:
            supernet, judge = self._trained
            self._known[key] = round(judge.subnet(supernet, architecture, self._part)[1].accuracy, 6)
            with self._path.open("a") as file:
                file.write(f"{key} {self._known[key]}\n")
        return self._known[key]

    @cached_property
    def _trained(self) -> tuple[Any, Judge]:
        device = default_device()
        judge = Judge(self._job.load_data(), self._job.settings.calibration, device)
        return self._job.load_supernet().to(device), judge

    def costs(self, genomes: Genomes) -> NDArray[np.float64]:
        """(-accuracy, share of the largest MACs) of every genome, (N, 2)."""
        accuracies = [self(self.space.decode(g)) for g in genomes]
        return np.stack([-np.array(accuracies), self.space.price(genomes, ("macs",))["macs"] / self._top], axis=1)

    def volumes(self, genomes: Genomes, marks: list[int], fresh: Table) -> NDArray[np.float64]:
        """Of the front of the first n genomes by this table, the hypervolume by ``fresh``; one for each n of marks."""
        costs = self.costs(genomes)
        fronts = [genomes[:n][non_dominated(costs[:n])] for n in marks]
        return np.array([hypervolume(fresh.costs(front), REFERENCE) for front in fronts])


def supernet(folder: Path, space: str) -> Job:
    """The supernet in the cache, trained if it is not there."""
    if (folder / "supernet").is_dir():
        return Job.open(folder / "supernet")
    start = time.monotonic()
    made: dict[str, Any] = SUPERNET
    job = nas.train_supernet(space, str(subset(folder / "images.npz")), out=folder, name="supernet", **made)
    ends = ", ".join(f"{row['name']} {row['accuracy']:.1%}" for row in job.document["judged"])
    print(f"trained {space} in {time.monotonic() - start:.0f} s: {ends}", flush=True)
    return job


def subset(path: Path) -> Path:
    """Some images of Fashion-MNIST in a file of their own."""
    source = Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fashion_mnist.npz"
    if not source.exists():
        raise SystemExit(f"{source} is not there; set NAS_DATA to the folder that holds fashion_mnist.npz")
    with np.load(source) as arrays:
        rows = np.random.default_rng(0).permutation(len(arrays["y_train"]))[: TRAINED + HELD_OUT]
        kept = {f"{a}_train": arrays[f"{a}_train"][rows] for a in "xy"}
        np.savez(path, **kept, **{f"{a}_test": arrays[f"{a}_test"][:TEST] for a in "xy"})
    return path
