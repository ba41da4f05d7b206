"""A leaf as a mixed-integer program through PuLP (section 4.2), for what the enumeration cannot hold, and to check it.

Depths and late widths are fixed, so the model is a path over (in, out, b, k) arcs: one binary per arc, flow
conservation at every width, one row per budget and per scored stage. Stage 1 arcs are doubled for every C_2, because
u of C_1 and C_2 weighs their entropy. Arcs that no path above the threshold can use are left out (reduced-cost fixing).

PuLP reports a CBC run that ran out of time as optimal: only ``sol_status`` tells, and only a proof with gap 0 counts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pulp

from .exact import EPS
from .families import Array
from .relaxation import AtDepths, Path

Arc = tuple[int, int, int]  # (stage, arc, C_2 or -1)


class NotProven(Exception):
    """The solver stopped without a proof; the leaf keeps its Lagrangian bound."""


def best_above_milp(leaf: AtDepths, y: Array, threshold: float, seconds: float = 60.0) -> tuple[float, Path] | None:
    """As :func:`.exact.best_above`, by CBC."""
    arcs = _arcs(leaf, y, threshold)
    if not arcs:
        return None
    model, x = _model(leaf, arcs, threshold)
    model.solve(pulp.PULP_CBC_CMD(msg=False, gapRel=0.0, gapAbs=0.0, timeLimit=seconds))
    if model.status == pulp.LpStatusInfeasible:
        return None
    if model.status != pulp.LpStatusOptimal or model.sol_status != pulp.LpSolutionOptimal:
        raise NotProven(pulp.LpStatus[model.status])
    return _read(leaf, arcs, x, threshold)


def _weights(leaf: AtDepths, arc: Arc) -> float:
    """Exact ``W`` of an arc's stage."""
    s, a, c2 = arc
    r, x = leaf.r, leaf.r.layers[s].arcs
    late = float(r.open[2][c2]) if s == 0 else float(r.open[2][x.out[a]]) if s == 1 else 0.0
    return float(r.base[s + 1]) + late + (float(r.open[1][x.out[a]]) if s == 0 else 0.0)


def _gain(leaf: AtDepths, arc: Arc) -> tuple[float, Array]:
    """Score and budget use of an arc; stage 1 carries the stem, the last stage the tail."""
    s, a, _ = arc
    r, x, w = leaf.r, leaf.r.layers[s].arcs, _weights(leaf, arc)
    score, used = w * leaf.amounts[s][0, a], leaf.amounts[s][1:, a].copy()
    if s == 0:
        stem = r.tables.stem[:, x.cin[a]]
        score += (w + r.base[0] - r.base[1] + r.open[0][x.cin[a]]) * stem[0]
        used += stem[1:]
    if s == r.n_stages - 1:
        tail = r.tables.tail[:, x.out[a]]
        score, used = score + r.base[-1] * tail[0], used + tail[1:]
    return float(score + r.tables.gain @ used), used


def _entropy(leaf: AtDepths, arc: Arc) -> dict[int, float]:
    """Entropy of an arc by scored stage."""
    s, a, _ = arc
    r, t = leaf.r, leaf.r.tables
    out: dict[int, float] = defaultdict(float)
    out[t.scored[s + 1]] += float(leaf.amounts[s][0, a])
    if s == 0:
        out[0] += float(t.stem[0, r.layers[0].arcs.cin[a]])
    if s == r.n_stages - 1:
        out[t.scored[-1]] += float(t.tail[0, r.layers[s].arcs.out[a]])
    return out


def _nodes(leaf: AtDepths, arc: Arc) -> tuple[Any, Any]:
    """Tail and head node of an arc; between stages 1 and 2 a node is a pair (C_1, C_2)."""
    s, a, c2 = arc
    x = leaf.r.layers[s].arcs
    cin, out = int(x.cin[a]), int(x.out[a])
    if s == 0:
        return "source", (1, out, c2)
    return ((1, cin, out) if s == 1 else (s, cin)), (s + 1, out)


def _arcs(leaf: AtDepths, y: Array, threshold: float) -> list[Arc]:
    """Arcs on some path whose Lagrangian at ``y`` exceeds the threshold."""
    r, arcs = leaf.r, list[Arc]()
    for s, x in enumerate(r.layers):
        doubles = range(len(r.tables.axes[2])) if s == 0 else (-1,)
        arcs += [(s, a, c2) for a in range(len(x.arcs)) for c2 in doubles]
    price, constant = r.prices(y), r.constant(y) - float(y[r.n_res :] @ leaf.g) - leaf.penalty
    nu2 = r.weights_with(y) - r.base
    value = {}
    for arc in arcs:
        score, used = _gain(leaf, arc)
        entropy = sum(nu2[r.tables.scored.index(t)] * e for t, e in _entropy(leaf, arc).items())
        value[arc] = score + entropy - float((price + r.tables.gain) @ used)
    ends = {arc: _nodes(leaf, arc) for arc in arcs}
    to: dict[Any, float] = {"source": 0.0}
    back: dict[Any, float] = defaultdict(lambda: -np.inf)
    for arc in arcs:
        tail, head = ends[arc]
        to[head] = max(to.get(head, -np.inf), to.get(tail, -np.inf) + value[arc])
    for arc in reversed(arcs):
        tail, head = ends[arc]
        ahead = 0.0 if arc[0] == r.n_stages - 1 else back[head]
        back[tail] = max(back[tail], value[arc] + ahead)
    last = r.n_stages - 1
    through = {a: to.get(ends[a][0], -np.inf) + value[a] + (0.0 if a[0] == last else back[ends[a][1]]) for a in arcs}
    return [arc for arc in arcs if through[arc] + constant > threshold + EPS]


def _model(leaf: AtDepths, arcs: list[Arc], threshold: float) -> tuple[Any, dict[Arc, Any]]:
    r, model = leaf.r, pulp.LpProblem("leaf", pulp.LpMaximize)
    x = {arc: pulp.LpVariable(f"x_{arc[0]}_{arc[1]}_{arc[2] + 1}", cat="Binary") for arc in arcs}
    gains = {arc: _gain(leaf, arc) for arc in arcs}
    objective = pulp.lpSum(gains[arc][0] * x[arc] for arc in arcs)
    model += objective
    model += objective >= threshold + leaf.penalty + EPS
    model += pulp.lpSum(x[arc] for arc in arcs if arc[0] == 0) == 1
    flow: dict[Any, list[Any]] = defaultdict(list)
    for arc in arcs:
        tail, head = _nodes(leaf, arc)
        flow[head].append(x[arc])
        flow[tail].append(-x[arc])
    for node, terms in flow.items():
        if node != "source" and node[0] < r.n_stages:
            model += pulp.lpSum(terms) == 0
    for j, limit in enumerate(r.tables.limits):
        if np.isfinite(limit):
            model += pulp.lpSum(gains[arc][1][j] * x[arc] for arc in arcs) <= limit
    for t in range(r.n_t):
        inside = [(arc, sum(e for u, e in _entropy(leaf, arc).items() if u <= t)) for arc in arcs]
        model += pulp.lpSum(2.0 / r.rho_scale * e * x[arc] for arc, e in inside if e) >= leaf.g[t]
    return model, x


def _read(leaf: AtDepths, arcs: list[Arc], x: dict[Arc, Any], threshold: float) -> tuple[float, Path] | None:
    chosen = sorted(arc for arc in arcs if x[arc].value() > 0.5)
    value = sum(_gain(leaf, arc)[0] for arc in chosen) - leaf.penalty
    layers = leaf.r.layers
    widths = [int(layers[0].arcs.cin[chosen[0][1]]), *(int(layers[s].arcs.out[a]) for s, a, _ in chosen)]
    return (value, Path(tuple(widths), tuple(a for _, a, _ in chosen))) if value > threshold else None
