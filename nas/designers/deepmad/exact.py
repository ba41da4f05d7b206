"""A leaf solved exactly: all depths and the context fixed, every structure above a threshold enumerated.

Partial structures (labels) grow from the last stage towards the stem, so that the weights W of section 4.1, suffix
sums over later widths, are exact for every label. A label is dropped only if a proof says that no completion of it is
feasible and better than the threshold: the Lagrangian of the label plus the longest path to it, under any of several
multiplier sets, or the smallest possible completion of a budget.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .families import Array
from .relaxation import OPEN, AtDepths, Path
from .tables import Index

LABELS = 300_000  # partial structures kept at a time
CHUNK = 200_000  # candidates looked at together
EPS = 1e-6  # objective points; rounding of sums of a few dozen terms is a thousand times smaller


class TooManyLabels(Exception):
    """The enumeration grew beyond its memory; the leaf keeps its Lagrangian bound."""


@dataclass(slots=True)
class Labels:
    """Partial structures: columns are labels."""

    node: Index  # width index in front of the stages already chosen
    weight: Array  # W of the next stage, open part included
    score: Array
    used: Array  # (resources, labels)
    entropy: Array  # (scored stages, labels), not yet cumulative
    lagrangian: Array  # (multiplier sets, labels)
    c2: Index
    arcs: Index  # (stages chosen, labels)

    def take(self, keep: Array | Index) -> Labels:
        return Labels(
            self.node[keep],
            self.weight[keep],
            self.score[keep],
            self.used[:, keep],
            self.entropy[:, keep],
            self.lagrangian[:, keep],
            self.c2[keep],
            self.arcs[:, keep],
        )


def best_above(
    leaf: AtDepths, ys: Sequence[Array], threshold: float, labels: int = LABELS
) -> tuple[float, Path] | None:
    """The best feasible structure of ``leaf`` with objective above ``threshold``, or None if there is none (proven)."""
    search = _Enumeration(leaf, ys, threshold, labels)
    for s in reversed(range(1, leaf.r.n_stages)):
        search.extend(s)
    return search.finish()


class _Enumeration:
    def __init__(self, leaf: AtDepths, ys: Sequence[Array], threshold: float, most: int) -> None:
        self.leaf, self.r, self.threshold, self.most = leaf, leaf.r, threshold, most
        self.yr = np.array([self.r.prices(y) for y in ys])
        self.nu2 = np.array([leaf.r.weights_with(y) - leaf.r.base for y in ys])  # 2 sum of nu per stem, stage, tail
        forward = [leaf.completions(y) for y in ys]
        self.completions = [np.array([f[s] for f in forward]) for s in range(self.r.n_stages)]
        self.constant = np.array([self.r.constant(y) - float(y[self.r.n_res :] @ leaf.g) for y in ys]) - leaf.penalty
        self.limits = self.r.tables.limits[:, None] + 1e-12
        self.least = leaf.least_used()
        self.labels = self._start()

    def _start(self) -> Labels:
        t, nodes = self.r.tables, self.r.layers[-1].outs
        tail = t.tail[:, nodes]
        entropy = np.zeros((self.r.n_t, len(nodes)))
        entropy[-1] = tail[0]
        lagrangian = (self.r.base[-1] + self.nu2[:, -1:]) * tail[0] - self.yr @ tail[1:] + self.constant[:, None]
        weight = np.full(len(nodes), self.r.base[-2])
        none = np.zeros((0, len(nodes)), dtype=np.int64)
        score = self.r.base[-1] * tail[0]
        return Labels(nodes, weight, score, tail[1:].copy(), entropy, lagrangian, nodes * 0, none)

    def extend(self, s: int) -> None:
        """Prepend an arc of stage s (0-based) to every label."""
        out = self.r.layers[s].arcs.out
        low, high = (np.searchsorted(out, self.labels.node, side=side) for side in ("left", "right"))
        parents, arcs, kept = [], [], 0
        for begin, end in _chunks(high - low):
            parent, arc = self._survivors(s, *_expand(low[begin:end], high[begin:end], begin))
            kept += len(arc)
            if kept > self.most:
                raise TooManyLabels
            parents.append(parent)
            arcs.append(arc)
        self._adopt(s, np.concatenate(parents), np.concatenate(arcs))

    def _open_weight(self, s: int, arc: Index) -> Array | float:
        return self.r.open[s + 1][self.r.layers[s].arcs.out[arc]] if s + 1 <= OPEN else 0.0

    def _survivors(self, s: int, parent: Index, arc: Index) -> tuple[Index, Index]:
        """The (label, arc) pairs that some completion may turn into a feasible structure above the threshold."""
        x, a, old = self.r.layers[s].arcs, self.leaf.amounts[s], self.labels
        keep = self._fits(old.used[:, parent] + a[1:, arc], s, x.cin[arc])
        parent, arc = parent[keep], arc[keep]
        for i in range(len(self.yr)):
            ahead = self._ahead(i, s, x.cin[arc], x.out[arc] if s == OPEN - 1 else old.c2[parent])
            weight = old.weight[parent] + self._open_weight(s, arc) + self.nu2[i, s + 1]
            step = weight * a[0, arc] - (self.yr[i] @ a[1:])[arc]
            keep = old.lagrangian[i, parent] + step + ahead > self.threshold + EPS
            parent, arc = parent[keep], arc[keep]
        return parent, arc

    def _ahead(self, i: int, s: int, node: Index, c2: Index) -> Array:
        """Longest path of multiplier set ``i`` from the stem to ``node``, the width in front of stage s."""
        done = self.completions[s - 1][i]
        return np.asarray(done[node, c2] if s == 1 else done[node])

    def _adopt(self, s: int, parent: Index, arc: Index) -> None:
        x, a, old = self.r.layers[s].arcs, self.leaf.amounts[s], self.labels
        weight = old.weight[parent] + self._open_weight(s, arc)
        entropy = old.entropy[:, parent]
        entropy[self.r.tables.scored[s + 1]] += a[0, arc]
        lagrangian = old.lagrangian[:, parent] - (self.yr @ a[1:])[:, arc]
        lagrangian += (weight + self.nu2[:, s + 1 : s + 2]) * a[0, arc]
        self.labels = Labels(
            node=x.cin[arc],
            weight=weight + self.r.base[s] - self.r.base[s + 1],
            score=old.score[parent] + weight * a[0, arc],
            used=old.used[:, parent] + a[1:, arc],
            entropy=entropy,
            lagrangian=lagrangian,
            c2=x.out[arc] if s == OPEN - 1 else old.c2[parent],
            arcs=np.vstack([old.arcs[:, parent], arc]),
        )

    def _fits(self, used: Array, s: int, node: Index) -> NDArray[np.bool_]:
        fits: NDArray[np.bool_] = np.all(used + self.least[s][:, node] <= self.limits, axis=0)
        return fits

    def finish(self) -> tuple[float, Path] | None:
        """Stage 1 and the stem, then the exact constraints: budgets, and rho of every scored stage."""
        out, best = self.r.layers[0].arcs.out, None
        low, high = (np.searchsorted(out, self.labels.node, side=side) for side in ("left", "right"))
        for begin, end in _chunks(high - low):
            found = self._complete(*_expand(low[begin:end], high[begin:end], begin))
            if found and (best is None or found[0] > best[0]):
                best = found
        return best

    def _complete(self, parent: Index, arc: Index) -> tuple[float, Path] | None:
        r, x, a, old = self.r, self.r.layers[0].arcs, self.leaf.amounts[0], self.labels
        stem = r.tables.stem[:, x.cin[arc]]
        weight = old.weight[parent] + r.open[1][x.out[arc]]
        first_weight = weight + r.base[0] - r.base[1] + r.open[0][x.cin[arc]]
        used = old.used[:, parent] + a[1:, arc] + stem[1:]
        objective = old.score[parent] + weight * a[0, arc] + first_weight * stem[0] - self.leaf.penalty
        objective += r.tables.gain @ used
        entropy = old.entropy[:, parent]
        entropy[r.tables.scored[1]] += a[0, arc]
        entropy[0] += stem[0]
        slack = 2.0 * np.cumsum(entropy, axis=0) / r.rho_scale - self.leaf.g[:, None]
        ok = (objective > self.threshold + EPS) & (used <= self.limits).all(axis=0) & (slack >= -1e-12).all(axis=0)
        if not ok.any():
            return None
        best = int(np.where(ok, objective, -np.inf).argmax())
        chosen = [int(arc[best]), *old.arcs[::-1, parent[best]].tolist()]
        widths = [int(x.cin[chosen[0]])] + [int(la.arcs.out[i]) for la, i in zip(r.layers, chosen, strict=True)]
        return float(objective[best]), Path(tuple(widths), tuple(chosen))


def _chunks(counts: Index) -> Iterator[tuple[int, int]]:
    """Runs of labels with about ``CHUNK`` candidates each; one empty run if there are none."""
    group = np.cumsum(counts) // CHUNK
    edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(counts)]
    yield from itertools.pairwise(edges)


def _expand(low: Index, high: Index, first: int) -> tuple[Index, Index]:
    """Every (label, arc) with ``low[label] <= arc < high[label]``; labels are numbered from ``first``."""
    counts = high - low
    parent = np.repeat(np.arange(len(low)), counts)
    offset = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    return parent + first, low[parent] + offset
