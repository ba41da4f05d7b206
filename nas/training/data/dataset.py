"""What training asks of a data set. Shapes: N images, B of a batch, C channels, H x W pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas.training.errors import DataError

Labels = NDArray[np.int64]
Batch = tuple[Tensor, Tensor]
"""Normalised float32 images (B, C, H, W) and their labels (B,), int64."""

HELD_OUT_SEED = 20_230_309
"""The split into training and held-out images is part of the data: it depends on no run's seed."""


class Split(Protocol):
    """Images with labels."""

    labels: Labels

    def batches(self, rows: Sequence[NDArray[np.int64]], seeds: Sequence[int] | None = None) -> Iterator[Batch]:
        """One batch for each array of row numbers. With ``seeds``, one each: randomly augmented, from that alone."""


@dataclass(frozen=True)
class Facts:
    """What a network must know of its data; ``mean`` and ``std`` are per channel, of pixels from 0 to 1."""

    source: str
    num_classes: int
    in_chans: int
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: int
    validation: int
    test: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Data:
    """``train`` is what gradients see, ``validation`` (held out of it) what searches see, ``test`` only reports."""

    facts: Facts
    train: Split
    validation: Split
    test: Split


class Subset:
    """Some rows of a split."""

    def __init__(self, whole: Split, rows: NDArray[np.int64]) -> None:
        self._whole, self._rows = whole, rows
        self.labels = whole.labels[rows]

    def batches(self, rows: Sequence[NDArray[np.int64]], seeds: Sequence[int] | None = None) -> Iterator[Batch]:
        """See :class:`Split`."""
        return self._whole.batches([self._rows[r] for r in rows], seeds)

    @property
    def unreadable(self) -> dict[int, str]:
        """Images of the whole split that could not be read so far, by row."""
        return getattr(self._whole, "unreadable", {})


def held_out(labels: Labels, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers (kept, held out), the share taken from every class (at least one image, never all of them).

    Raises DataError where no image can be spared.
    """
    rng = np.random.default_rng(HELD_OUT_SEED)
    out = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        out.append(rows[: min(max(1, round(share * len(rows))), len(rows) - 1)])
    outside = np.sort(np.concatenate(out))
    if not len(outside):
        raise DataError("no class has two images, so none can be held out of the training")
    return np.setdiff1d(np.arange(len(labels)), outside), outside


def unreadable(data: Data) -> list[str]:
    """Names of the images that could not be read so far, in any part."""
    return sorted({n for split in (data.train, data.test) for n in getattr(split, "unreadable", {}).values()})


def in_order(count: int, batch: int) -> list[NDArray[np.int64]]:
    """Row numbers 0 .. count - 1 in batches, the last one smaller."""
    return [np.arange(start, min(start + batch, count)) for start in range(0, count, batch)]
