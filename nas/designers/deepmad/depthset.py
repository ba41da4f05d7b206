"""The depth vectors that multipliers have not closed yet.

At first only *prefixes* (L_1..L_h, the depths up to the first fixed width) are kept, each with a bound over all its
continuations; once few are left they are expanded to full depth vectors with bounds of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from .depths import Ranges, Split, head_length, split
from .families import Array
from .relaxation import Relaxation
from .tables import Index

EXPAND = 60_000  # full depth vectors that prefixes may expand to at any time
PREFIX_SETS = 3  # multiplier sets after which they are expanded in any case


class DepthSet:
    """Depth vectors whose bound exceeds ``threshold``; :meth:`lower` applies one multiplier set to all of them."""

    def __init__(self, r: Relaxation, ranges: Ranges, threshold: float) -> None:
        self.r, self.threshold = r, threshold
        self.ranges: list[Index] = [np.asarray(x) for x in ranges]
        self.n_head = head_length(r)
        self.rows = _product(self.ranges[: self.n_head])  # prefixes, later full depth vectors
        self.values = np.full(len(self.rows), np.inf)
        self.full = self.n_head == len(self.ranges)
        self._ys: list[Array] = []
        self._last: Split | None = None

    def lower(self, y: Array) -> None:
        """Apply one multiplier set."""
        if not len(self.rows):
            return
        self._ys = [*self._ys, y]
        self._last = found = split(self.r, y, self.ranges)
        self._keep_above(self._full_bounds(found) if self.full else self._prefix_bounds(found))
        if not self.full and (len(self._ys) >= PREFIX_SETS or len(self.rows) * self._continuations() <= EXPAND):
            self._expand()

    def _continuations(self) -> int:
        return int(np.prod([len(x) for x in self.ranges[self.n_head :]]))

    def _keep_above(self, bounds: Array) -> None:
        values = np.minimum(self.values, bounds)
        keep = values > self.threshold
        self.rows, self.values = self.rows[keep], values[keep]
        for i in range(self.rows.shape[1]):
            self.ranges[i] = np.flatnonzero(np.bincount(self.rows[:, i]))

    def _positions(self, columns: Sequence[int], found_ranges: Sequence[Index]) -> tuple[Index, ...]:
        return tuple(_lookup(x)[self.rows[:, i]] for i, x in zip(columns, found_ranges, strict=True))

    def _prefix_bounds(self, found: Split) -> Array:
        head = found.head[self._positions(range(self.n_head), self.ranges[: self.n_head])]
        rest, blocks = self._rest(found)
        most = int(self.rows.sum(axis=1).max())
        ahead = (rest[None, :] - found.late[np.arange(most + 1)[:, None] + blocks[None, :]]).max(axis=1)
        return np.asarray(head + ahead[self.rows.sum(axis=1)] - self._least_penalty())

    def _rest(self, found: Split) -> tuple[Array, Index]:
        grids = np.ix_(*self.ranges[self.n_head :])
        blocks = sum(grids, start=np.zeros((1,) * len(grids), dtype=np.int64))
        return found.rest.ravel(), np.asarray(blocks).ravel()

    def _full_bounds(self, found: Split) -> Array:
        h = self.n_head
        value = found.head[self._positions(range(h), self.ranges[:h])] - found.late[self.rows.sum(axis=1)]
        if h < len(self.ranges):
            value = value + found.rest[self._positions(range(h, len(self.ranges)), self.ranges[h:])]
        return np.asarray(value - self.r.tables.beta * np.exp(self._std(self.rows)))

    def _std(self, rows: Index) -> Array:
        return np.asarray(rows[:, list(self.r.tables.balanced)].std(axis=1))

    def _least_penalty(self) -> Array:
        """The smallest penalty that a continuation of each prefix can have: behind it, depths near its mean."""
        known = [i for i in self.r.tables.balanced if i < self.n_head]
        if not known:
            return np.asarray(self.r.tables.beta)
        # For any completion: sum of squares about the joint mean >= the same sum of the known depths about their own.
        n = len(self.r.tables.balanced)
        columns = self.rows[:, known]
        top = max(int(x.max()) for x in self.ranges)
        key = columns.astype(np.int64) @ (top + 1) ** np.arange(len(known))
        table = _spread_table(len(known), top, n)
        return np.asarray(self.r.tables.beta * table[key])

    def _expand(self) -> None:
        """Prefixes become full depth vectors, bounded by every multiplier set applied so far."""
        rest = _product(self.ranges[self.n_head :])
        self.values = np.repeat(self.values, len(rest))
        self.rows = np.concatenate(
            [np.repeat(self.rows, len(rest), axis=0), np.tile(rest, (len(self.rows), 1))], axis=1
        )
        self.full = True
        for y in reversed(self._ys):
            if len(self.rows):
                self._keep_above(self._full_bounds(split(self.r, y, self.ranges)))

    def worst(self) -> tuple[float, tuple[int, ...]] | None:
        """The largest bound and its depth vector, or None if the set is empty."""
        if not len(self.rows):
            return None
        i = int(self.values.argmax())
        row = [int(d) for d in self.rows[i]]
        if not self.full and self._last is not None:
            rest, blocks = self._rest(self._last)
            j = int((rest - self._last.late[sum(row) + blocks]).argmax())
            row += [int(d) for d in _product(self.ranges[self.n_head :])[j]]
        return float(self.values[i]), tuple(row)

    def remove(self, depths: tuple[int, ...]) -> None:
        """Forget one depth vector."""
        if not self.full:
            self._expand()
        keep = (self.rows != np.asarray(depths)).any(axis=1)
        self.rows, self.values = self.rows[keep], self.values[keep]


def _lookup(values: Index) -> Index:
    """Position of every value."""
    at = np.zeros(int(values.max()) + 1, dtype=np.int64)
    at[values] = np.arange(len(values))
    return at


def _product(ranges: Sequence[Index]) -> Index:
    """All combinations as rows."""
    if not ranges:
        return np.zeros((1, 0), dtype=np.int16)
    return np.stack([g.ravel() for g in np.meshgrid(*ranges, indexing="ij")], axis=1).astype(np.int16)


@functools.lru_cache(maxsize=8)
def _spread_table(known: int, top: int, n: int) -> Array:
    """``exp`` of the least std of ``n`` depths of which ``known`` are given, by their base-(top+1) key."""
    rows = np.stack([g.ravel(order="F") for g in np.meshgrid(*[np.arange(top + 1)] * known, indexing="ij")], axis=1)
    return np.asarray(np.exp(np.sqrt(rows.var(axis=1) * known / n)))
