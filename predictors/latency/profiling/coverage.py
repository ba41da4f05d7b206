"""Which network is worth timing next: the one whose time lies in operators that were hardly measured yet.

The variance of an estimate falls with the number of measurements nearby, so a row weighs its share of the network's
estimated work over one plus the measurements of its bucket (kind and shape, sizes to the nearest power of two).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from search_spaces.operators import OperatorTable

MACS_PER_ELEMENT = 8.0
"""Moving an element costs about as much as that many multiply-accumulates; only the order of networks hangs on it."""

Bucket = tuple[int, ...]


class Coverage:
    """Counts measured rows by bucket."""

    def __init__(self) -> None:
        self._count: Counter[Bucket] = Counter()

    def add(self, table: OperatorTable) -> None:
        """A network that was timed."""
        self._count.update(_buckets(table))

    def novelty(self, table: OperatorTable) -> float:
        """From 1 (nothing like it was measured) towards 0."""
        c = table.columns
        moved = c["c_in"] * c["h_in"] * c["w_in"] + c["c_out"] * c["h_out"] * c["w_out"]
        work = table.row_macs + MACS_PER_ELEMENT * moved
        seen = np.array([self._count[bucket] for bucket in _buckets(table)])
        return float((work / (1 + seen)).sum() / work.sum())


def _buckets(table: OperatorTable) -> list[Bucket]:
    c = table.columns
    sizes = np.stack([c["c_in"], c["c_out"], c["h_out"] * c["w_out"], c["c_in"] // c["groups"]], axis=1)
    logs = np.rint(np.log2(np.maximum(sizes, 1))).astype(np.int64)
    exact = np.stack([c["kind"], c["function"], c["kernel_h"], c["stride"]], axis=1)
    return [tuple(row) for row in np.concatenate([exact, logs], axis=1).tolist()]
