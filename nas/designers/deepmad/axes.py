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


def intervals(values: tuple[int, ...], ratio: float) -> Axis:
    """Greedy intervals whose ends differ by at most ``ratio``."""
    lo, hi = [float(values[0])], [float(values[0])]
    for value in values[1:]:
        if value <= lo[-1] * ratio:
            hi[-1] = float(value)
        else:
            lo.append(float(value))
            hi.append(float(value))
    return Axis(np.asarray(lo), np.asarray(hi))
