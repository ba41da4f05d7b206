"""Speed of supernet training, each figure beside its peer in one run.

    python benchmarks/training.py [--space elasticvit-small] [--batch 64] [--repeats 7] [--skip-workers]

1. One elastic step at the largest subnet against the same plain model: images/s and their ratio (at least 0.95).
2. Multi-architectural sampling with k architectures in one step against k separate steps on as many images each.
3. What activating a subnet costs: the first steps of a training, and once blocks come again.
4. Two Ray Train workers against one process, threads shared evenly: images/s after the start.
5. Peak memory of the process (resident set), or of the GPU where there is one.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.training.data import load_data
from nas.training.run import default_device
from nas.training.samplers import Item, Moment, Sampler
from nas.training.samplers.extremes import largest
from nas.training.settings import Settings
from nas.training.trainer import Trainer
from search_spaces import Architecture, SearchSpace, get_space


class Fixed(Sampler):
    """Always the same items."""

    name = "fixed"

    def __init__(self, space: SearchSpace, items: list[Item]) -> None:
        super().__init__(space)
        self._items = items

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        return self._items


def trainer(space: SearchSpace, data: Any, batch: int, items: list[Item] | None) -> Trainer:
    """A supernet trained on ``items``, or the largest network alone."""
    torch.manual_seed(0)
    model = space.model(largest(space)) if items is None else space.supernet()
    sampler = None if items is None else Fixed(space, items)
    return Trainer(model, data, Settings(epochs=1000, batch=batch), sampler, device=default_device())


def alternated(runs: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Median of each run's figure; they take turns, so that what else the machine does meets all of them."""
    found: list[list[float]] = [[] for _ in runs]
    for repeat in range(repeats + 1):
        for values, run in zip(found, runs, strict=True):
            value = run()
            if repeat:
                values.append(value)
    return [statistics.median(values) for values in found]


def speed(run: Trainer, steps: int = 4) -> Callable[[], float]:
    """Images/s over a few steps."""

    def measure() -> float:
        start = time.perf_counter()
        run.run(until=run.step + steps)
        if run.device.type == "cuda":
            torch.cuda.synchronize()
        return steps * run.settings.batch / (time.perf_counter() - start)

    return measure


def elastic_against_plain(space: SearchSpace, data: Any, batch: int, repeats: int) -> None:
    """Figure 1."""
    runs = [trainer(space, data, batch, items) for items in ([Item(largest(space))], None)]
    elastic, plain = alternated([speed(run) for run in runs], repeats)
    print(f"elastic step at the largest subnet: {elastic:.1f} images/s; plain model {plain:.1f}; "
          f"ratio {elastic / plain:.3f} (asked for: 0.95)")  # fmt: skip


def together_against_apart(space: SearchSpace, data: Any, batch: int, repeats: int, k: int = 4) -> None:
    """Figure 2: one step of k architectures on a batch; k steps of one architecture each on the whole batch."""
    genomes = space.sample(k, np.random.default_rng(0))
    architectures = [space.decode(g) for g in genomes]
    together = trainer(space, data, batch, [Item(a, weight=1 / k, share=(i, k)) for i, a in enumerate(architectures)])
    apart = [trainer(space, data, batch, [Item(a)]) for a in architectures]

    def seconds(runs: Sequence[Trainer]) -> Callable[[], float]:
        def measure() -> float:
            start = time.perf_counter()
            for run in runs:
                run.run(until=run.step + 1)
            return time.perf_counter() - start

        return measure

    one, many = alternated([seconds([together]), seconds(apart)], repeats)
    print(f"{k} architectures in one step of {batch} images: {one:.3f} s; in {k} steps of {batch}: {many:.3f} s; "
          f"{many / one:.2f} times as long")  # fmt: skip


def activation(space: SearchSpace, count: int = 200) -> None:
    """Figure 3."""
    supernet: Any = space.supernet()
    architectures: list[Architecture] = [space.decode(g) for g in space.sample(count, np.random.default_rng(0))]
    times = []
    for architecture in architectures:
        start = time.process_time()
        supernet.activate(architecture)
        times.append(1e3 * (time.process_time() - start))
    first, last = statistics.median(times[:10]), statistics.median(times[-50:])
    with torch.device("meta"):
        start = time.process_time()
        for architecture in architectures[:10]:
            space.model(architecture)
        built = 1e2 * (time.process_time() - start)
    print(f"activating a random subnet (CPU time): {first:.1f} ms at first, {last:.1f} ms after {count}; "
          f"building it on the meta device {built:.1f} ms")  # fmt: skip


def workers(space: str, batch: int, epochs: int = 4) -> None:
    """Figure 4."""
    import nas

    found = {}
    for count in (1, 2):
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
        with tempfile.TemporaryDirectory() as folder:
            job = nas.train_supernet(space, "digits", epochs=epochs, batch=batch, workers=count, out=folder)
            with (Path(job.path) / "log.csv").open() as file:
                rows = [float(row["images_per_s"]) for row in csv.DictReader(file)]
        found[count] = statistics.median(rows[len(rows) // 4 :])
    print(f"Ray Train, half the cores each: 2 workers {found[2]:.1f} images/s, 1 process {found[1]:.1f}; "
          f"{found[2] / found[1]:.2f} times as fast")  # fmt: skip


def memory() -> None:
    """Figure 5."""
    if torch.cuda.is_available():
        print(f"peak GPU memory: {torch.cuda.max_memory_allocated() / 1e6:,.0f} MB")
    print(f"peak resident memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="elasticvit-small")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--skip-workers", action="store_true")
    given = parser.parse_args()
    data = load_data("digits")
    space = get_space(given.space, num_classes=data.facts.num_classes, in_chans=data.facts.in_chans)
    print(f"{given.space}, batch {given.batch}, {default_device()}, {torch.get_num_threads()} threads")
    elastic_against_plain(space, data, given.batch, given.repeats)
    together_against_apart(space, data, given.batch, given.repeats)
    activation(space)
    memory()
    if not given.skip_workers:
        workers(given.space, given.batch)


if __name__ == "__main__":
    main()
