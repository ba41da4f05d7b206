"""Width axes: a grid value is a point, a coarse axis holds intervals [lo, hi] of grid values (section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .families import Array


@dataclass(frozen=True, slots=True)
class Axis:
    """Sorted disjoint intervals; every grid value of the search domain lies in exactly one."""

    lo: Array
    hi: Array

    def __len__(self) -> int:
        return len(self.lo)

    @property
    def exact(self) -> bool:
        """Whether every interval is a single value."""
        return bool((self.lo == self.hi).all())


def points(values: tuple[int, ...]) -> Axis:
    """The axis of single values."""
    array = np.asarray(values, dtype=float)
    return Axis(array, array)


def coarsen(axis: Axis, ratio: float) -> Axis:
    """Merge neighbours while the ends of the union differ by at most ``ratio``; the result nests ``axis``."""
    lo, hi = [float(axis.lo[0])], [float(axis.hi[0])]
    for low, high in zip(axis.lo[1:], axis.hi[1:], strict=True):
        if high <= lo[-1] * ratio:
            hi[-1] = float(high)
        else:
            lo.append(float(low))
            hi.append(float(high))
    return Axis(np.asarray(lo), np.asarray(hi))
