"""The Lagrangian relaxation of one context (section 4.4).

A *context* fixes the widths that close the late scored stages (C_5 and C_4 of a residual net), so that the weights
``W_s = sum_{t >= t(s)} alpha_t u_t`` of all stages but the first two are constants. Budgets carry multipliers
``y_r >= 0`` and the effectiveness of every scored stage, ``2 E_t >= g(D_t)`` with ``g(D) = D ln(D / rho)``, a
multiplier ``nu_t >= 0``. What is left is a longest path over the chain, solved exactly: stages 0 to 2 for every width
C_2 apart, so that their W is exact too, the rest by dynamic programming over `out`.

With the depths L fixed, g and the penalty are constants and the relaxation is tight but for the dualised constraints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .axes import Axis
from .families import Array
from .tables import Arcs, Index, Tables, segments

OPEN = 2  # stages 1..OPEN (and the stem) are not fixed by a context


def context_stages(tables: Tables) -> list[int]:
    """Stages whose width a context fixes: those that close a scored stage behind the open ones."""
    return [s for s in range(OPEN + 1, len(tables.axes)) if tables.weights[s].any()]


@dataclass(frozen=True, slots=True)
class Layer:
    """Arcs of one stage with their runs: by (out, in) pair, and pairs by out."""

    arcs: Arcs
    starts: Index  # first arc of every pair
    pair_in: Index
    pair_out: Index
    out_starts: Index  # first pair of every out
    outs: Index


def layer(arcs: Arcs, n_in: int) -> Layer:
    """Group sorted arcs."""
    starts, keys = segments(arcs.out * n_in + arcs.cin)
    out_starts, outs = segments(keys // n_in)
    return Layer(arcs, starts, keys % n_in, keys // n_in, out_starts, outs)


@dataclass(frozen=True, slots=True)
class Path:
    """One structure of the relaxation: index of every width, arc of every stage, and its amounts."""

    widths: tuple[int, ...]
    arcs: tuple[int, ...]


class Relaxation:
    """Arcs of a context and the evaluation of its Lagrangian at given depths or for all depths at once."""

    def __init__(self, tables: Tables, fixed: dict[int, int]) -> None:
        self.n_stages = len(tables.stages)
        self.n_res = len(tables.resources)
        self.n_t = tables.scored[-1] + 1
        self.tables = _restricted(tables, fixed)
        self.fixed = dict.fromkeys(fixed, 0)  # the only width left on its axis
        self.empty = any(not len(arcs) for arcs in self.tables.stages)
        self.layers = [layer(arcs, len(a)) for arcs, a in zip(self.tables.stages, self.tables.axes, strict=False)]
        self.rho_scale = float(g_of_depth(30.0, tables.rho))
        if not self.empty:
            self.base = self._base()
            self.open = [w if s <= OPEN else np.zeros(len(w)) for s, w in enumerate(self.tables.weights)]

    def _base(self) -> Array:
        """Constant part of W for the stem and every stage, and for the tail (last entry)."""
        base = np.zeros(self.n_stages + 2)
        base[-1] = self.tables.tail_weight
        for s in reversed(range(self.n_stages + 1)):
            base[s] = base[s + 1] + (self.tables.weights[s][self.fixed[s]] if s in self.fixed else 0.0)
        return base

    # ---- multipliers: y = (y_1..y_R, nu_0..nu_T), all in objective points per 100 % of a limit -------------------

    def weights_with(self, y: Array) -> Array:
        """``W_s + 2 sum_{t >= t(s)} nu_t`` per stem, stage and tail: a rho multiplier only adds to the weight."""
        nu = y[self.n_res :] / self.rho_scale
        suffix = 2.0 * np.cumsum(nu[::-1])[::-1]
        return np.asarray(self.base + np.append(suffix[list(self.tables.scored)], suffix[-1]))

    def prices(self, y: Array) -> Array:
        """What one budget's worth of every resource costs in the longest path."""
        return y[: self.n_res] - self.tables.gain

    def constant(self, y: Array) -> float:
        """``sum_r y_r limit_r``; a resource without a limit has y_r = 0."""
        return float(sum(a * b for a, b in zip(y, self.tables.limits, strict=False) if a))

    # ---- fixed depths -------------------------------------------------------------------------------------------

    def at(self, depths: Sequence[int]) -> AtDepths:
        """The relaxation with all depths fixed."""
        return AtDepths(self, tuple(int(d) for d in depths))


def _restricted(tables: Tables, fixed: dict[int, int]) -> Tables:
    """The tables without the arcs and widths that no complete path through the fixed widths can use."""
    stages, sizes = list(tables.stages), [len(a) for a in tables.axes]
    alive = [np.ones(n, dtype=bool) for n in sizes]
    for s, node in fixed.items():
        alive[s][:] = False
        alive[s][node] = True
    for s, arcs in enumerate(stages):
        stages[s] = arcs = arcs.take(alive[s][arcs.cin] & alive[s + 1][arcs.out])
        alive[s + 1] &= np.bincount(arcs.out, minlength=sizes[s + 1]) > 0
    for s in reversed(range(len(stages))):
        stages[s] = arcs = stages[s].take(alive[s + 1][stages[s].out])
        alive[s] &= np.bincount(arcs.cin, minlength=sizes[s]) > 0
    new = [np.cumsum(a) - 1 for a in alive]
    moved = [replace(a, cin=new[s][a.cin], out=new[s + 1][a.out]) for s, a in enumerate(stages)]
    return replace(
        tables,
        axes=tuple(Axis(a.lo[keep], a.hi[keep]) for a, keep in zip(tables.axes, alive, strict=True)),
        stem=tables.stem[:, alive[0]],
        stages=tuple(moved),
        tail=tables.tail[:, alive[-1]],
        weights=tuple(w[keep] for w, keep in zip(tables.weights, alive, strict=True)),
    )


def g_of_depth(depth: float | Array, rho: float) -> Array:
    """``g(D) = D ln(D / rho)``: rho_t <= rho  <=>  2 E_t >= g(D_t) (section 4.1)."""
    return np.asarray(depth * np.log(np.asarray(depth) / rho))


def conv_depths(tables: Tables, depths: Sequence[int]) -> list[int]:
    """``D_t`` of every scored stage."""
    out = [0] * (tables.scored[-1] + 1)
    for t in range(len(out)):
        inside = sum(L for L, u in zip(depths, tables.scored[1:], strict=True) if u <= t)
        out[t] = 1 + tables.convs * inside
    out[-1] += tables.plain_convs - 1
    return out


class AtDepths:
    """``f(y) = max over paths of the Lagrangian`` at fixed depths: convex in y, an upper bound for every y >= 0."""

    def __init__(self, relaxation: Relaxation, depths: tuple[int, ...]) -> None:
        self.r, self.depths = relaxation, depths
        t = relaxation.tables
        self.amounts = [x.arcs.first + (L - 1) * x.arcs.repeat for x, L in zip(relaxation.layers, depths, strict=True)]
        kept = [depths[i] for i in t.balanced]
        self.penalty = t.beta * math.exp(float(np.std(kept)))
        self.g = np.array([float(g_of_depth(d, t.rho)) for d in conv_depths(t, depths)]) / relaxation.rho_scale
        self.first_in = relaxation.layers[0].arcs.cin
        self.with_stem = self.amounts[0] + t.stem[:, self.first_in]

    def value(self, y: Array) -> float:
        """The bound only."""
        return self._forward(y)[0]

    def solve(self, y: Array) -> tuple[float, Array, Path]:
        """The bound, a subgradient of it at y, and the path that attains it."""
        value, tables = self._forward(y)
        path = self._trace(tables)
        return value, self.subgradient(path), path

    def completions(self, y: Array) -> list[Array]:
        """Longest paths from the stem: ``[0][C_1, C_2]``, then ``[s][C_(s+1)]``, constants left out."""
        return self._forward(y)[1][2]

    def least_used(self) -> list[Array]:
        """``[s][resource, node]``: least use of every resource by stem and stages before stage s (0-based)."""
        t = self.r.tables
        least = [t.stem[1:]]
        for x, a in zip(self.r.layers, self.amounts, strict=True):
            through = a[1:] + least[-1][:, x.arcs.cin]
            node = np.full((self.r.n_res, len(t.axes[len(least)])), np.inf)
            node[:, x.outs] = np.minimum.reduceat(through, x.starts[x.out_starts], axis=1)
            least.append(node)
        return least

    def _forward(self, y: Array) -> tuple[float, tuple[list[Any], Array, list[Array]]]:
        r = self.r
        w = r.weights_with(y)
        yr, nu = r.prices(y), y[r.n_res :]
        t1, v1 = self._first(w, yr)
        layers, reached = r.layers, [t1]
        values: list[Any] = [v1]
        for s in range(1, r.n_stages):
            x, a = layers[s], self.amounts[s]
            weight = w[s + 1] + r.open[s + 1][x.arcs.out] if s + 1 <= OPEN else w[s + 1]
            v = weight * a[0] - yr @ a[1:]
            pair = np.maximum.reduceat(v, x.starts)
            pair = pair + (t1[x.pair_in, x.pair_out] if s == 1 else reached[-1][x.pair_in])
            node = np.full(len(r.tables.axes[s + 1]), -np.inf)
            node[x.outs] = np.maximum.reduceat(pair, x.out_starts)
            reached.append(node)
            values.append((v, pair))
        tail = w[-1] * r.tables.tail[0] - yr @ r.tables.tail[1:]
        last = reached[-1] + tail
        constant = r.constant(y) - float(nu @ self.g) - self.penalty
        return float(last.max()) + constant, (values, last, reached)

    def _first(self, w: Array, yr: Array) -> tuple[Array, Array]:
        """Stem and stage 1 for every width C_2 they may lead to: their W holds u of C_0, C_1 and C_2."""
        r, x, a, full = self.r, self.r.layers[0], self.amounts[0], self.with_stem
        stem = r.tables.stem[0, self.first_in]
        alone = w[1] * a[0] + (w[0] + r.open[0][self.first_in]) * stem + r.open[1][x.arcs.out] * full[0]
        v = (alone - yr @ full[1:])[:, None] + full[0][:, None] * r.open[2][None, :]
        t1 = np.full((len(r.tables.axes[1]), v.shape[1]), -np.inf)
        first_arc = x.starts[x.out_starts]
        t1[x.outs] = np.maximum.reduceat(v, first_arc, axis=0)
        return t1, v

    def _trace(self, found: tuple[list[Any], Array, list[Array]]) -> Path:
        values, last, _ = found
        r = self.r
        node = int(last.argmax())
        widths, arcs = [node], []
        for s in reversed(range(1, r.n_stages)):
            x, (v, pair) = r.layers[s], values[s]
            lo, hi = np.searchsorted(x.pair_out, (node, node + 1))
            p = lo + int(pair[lo:hi].argmax())
            end = x.starts[p + 1] if p + 1 < len(x.starts) else len(v)
            arcs.append(int(x.starts[p] + v[x.starts[p] : end].argmax()))
            if s == 1:
                c2 = node
            node = int(x.pair_in[p])
            widths.append(node)
        x = r.layers[0]
        lo, hi = np.searchsorted(x.arcs.out, (node, node + 1))
        arc = lo + int(values[0][lo:hi, c2].argmax())
        return Path((int(x.arcs.cin[arc]), *reversed(widths)), (int(arc), *reversed(arcs)))

    def totals(self, path: Path) -> tuple[Array, Array]:
        """Amounts of a path: (budget fractions, cumulative entropy E_t per scored stage)."""
        t = self.r.tables
        rows = [t.stem[:, path.widths[0]], *(a[:, i] for a, i in zip(self.amounts, path.arcs, strict=True))]
        rows.append(t.tail[:, path.widths[-1]])
        entropy = np.zeros(self.r.n_t)
        for row, scored in zip(rows, (*t.scored, t.scored[-1]), strict=True):
            entropy[scored] += row[0]
        return np.sum(rows, axis=0)[1:], np.cumsum(entropy)

    def subgradient(self, path: Path) -> Array:
        """``limit - amount`` per budget, ``2 E_t - g(D_t)`` per scored stage, in the units of y."""
        used, entropy = self.totals(path)
        limits = self.r.tables.limits
        slack = np.where(np.isfinite(limits), limits - used, 0.0)
        return np.concatenate([slack, 2.0 * entropy / self.r.rho_scale - self.g])
