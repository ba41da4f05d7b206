"""Which images a step sees: it depends on (seed, epoch, step) only, whatever happened before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from nas.training.data import Split
from nas.training.data.dataset import Batch
from nas.training.group import Group


def per_epoch(images: int, batch: int) -> int:
    """Steps of an epoch; a last, smaller batch is left out."""
    return max(1, images // batch)


def step_count(epochs: float, images: int, batch: int) -> int:
    """Steps of a training; at least one."""
    return max(1, round(epochs * per_epoch(images, batch)))


def batches(split: Split, batch: int, seed: int, start: int, group: Group) -> Iterator[Batch]:
    """Batches of this worker from step ``start`` on, without end."""
    images = len(split.labels)
    steps = per_epoch(images, batch)
    for epoch in count(start // steps):
        order = np.random.default_rng([seed, epoch]).permutation(images)
        first = start % steps if epoch == start // steps else 0
        rows = [_share(order[i * batch : (i + 1) * batch], group) for i in range(first, steps)]
        seeds = [_seed(seed, epoch, i, group.rank) for i in range(first, steps)]
        yield from split.batches(rows, seeds)


def _share(rows: NDArray[np.int64], group: Group) -> NDArray[np.int64]:
    return rows[group.rank :: group.world]


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seed_step(seed: int, step: int, rank: int) -> np.random.Generator:
    """Seed the global generators (dropout, mixing) for a step; returns the step's own, the same on every worker."""
    own = _seed(seed, step, rank, 1)
    random.seed(own)
    np.random.seed(own)  # noqa: NPY002  (timm's mixing draws from it)
    torch.manual_seed(own)
    return np.random.default_rng([seed, step, 2])


@contextmanager
def generators_kept() -> Iterator[None]:
    """The global generators are afterwards as they were before."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
