"""Good designs fast: an evolution on the grid, a whole generation priced by a few array operations.

It gives the first incumbent within a second; the proof does not depend on it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import families
from .evaluate import CLASSES
from .families import Array
from .problem import Problem
from .structure import Conv, Stage, Structure

Genes = NDArray[np.int64]  # columns: stem, then (out, b, k, L) per stage, as indices into the grid


@dataclass(frozen=True, slots=True)
class Scores:
    """Per individual: objective, total relative violation of the limits, and the amounts behind them."""

    objective: Array
    violation: Array
    values: dict[str, Array]


class Evolution:
    """Population, seeded generator and problem; :meth:`run` until a time or a number of generations."""

    def __init__(self, problem: Problem, rng: np.random.Generator, size: int = 256, children: int = 1024) -> None:
        self.problem, self.rng, self.size, self.children = problem, rng, size, children
        g = problem.grid
        self.values = {name: np.asarray(getattr(g, name)) for name in ("out", "bottleneck", "kernel", "stem")}
        stages = len(problem.strides)
        tops = [len(g.stem)]
        for s in range(stages):
            out = sum(v <= g.out_max.get(s + 1, v) for v in g.out)
            tops += [out, len(g.bottleneck), len(g.kernel), g.depths(s)]
        self.tops = np.asarray(tops)
        self.genes = self._repair((rng.random((4 * size, len(tops))) ** 2 * self.tops).astype(np.int64))
        self.scores = self.score(self.genes)

    def run(self, seconds: float, generations: int = 100_000, goal: str = "objective") -> None:
        """Evolve; ``goal`` is the objective, or a limit's name to be made as small as possible."""
        end = time.monotonic() + seconds
        for _ in range(generations):
            if time.monotonic() > end:
                return
            self._generation(goal)

    def best(self) -> Structure | None:
        """The best feasible individual."""
        order = self._order(self.scores, "objective")
        return None if self.scores.violation[order[0]] > 0 else self.structure(self.genes[order[0]])

    def _order(self, scores: Scores, goal: str) -> Genes:
        if goal == "objective":
            return np.lexsort((-scores.objective, scores.violation))
        return np.lexsort((scores.values[goal], self.violation_without(goal, scores)))

    def violation_without(self, goal: str, scores: Scores | None = None) -> Array:
        """Violation of everything but the limit of ``goal``."""
        scores = scores or self.scores
        own = np.maximum(0.0, scores.values[goal] / self._limit(goal) - 1.0)
        broken = scores.violation - own
        return np.where(broken < 1e-9, 0.0, broken)

    def _limit(self, name: str) -> float:
        return self.problem.rho if name == "rho" else self.problem.budgets[name]

    def _generation(self, goal: str) -> None:
        n = len(self.genes)
        parents = np.minimum(self.rng.integers(0, n, self.children), self.rng.integers(0, n, self.children))
        child = self._repair(self._edit(self.genes[parents]))
        genes = np.concatenate([self.genes, child])
        scores = self.score(child)
        merged = Scores(
            np.concatenate([self.scores.objective, scores.objective]),
            np.concatenate([self.scores.violation, scores.violation]),
            {k: np.concatenate([v, scores.values[k]]) for k, v in self.scores.values.items()},
        )
        order = self._order(merged, goal)
        _, first = np.unique(merged.objective[order].round(6), return_index=True)  # twins add nothing
        keep = order[np.sort(first)[: self.size]]
        self.genes = genes[keep]
        values = {k: v[keep] for k, v in merged.values.items()}
        self.scores = Scores(merged.objective[keep], merged.violation[keep], values)

    def _edit(self, genes: Genes) -> Genes:
        """One to three genes per child move by a few grid steps, the scale drawn anew for each child."""
        n, width = genes.shape
        out, scale = genes.copy(), self.rng.choice([1.0, 3.0, 10.0], size=n)
        for turn in range(3):
            rows = np.flatnonzero(self.rng.random(n) < 0.55) if turn else np.arange(n)
            gene = self.rng.integers(0, width, len(rows))
            step = np.ceil(self.rng.random(len(rows)) * scale[rows]) * self.rng.choice([-1, 1], len(rows))
            out[rows, gene] += step.astype(np.int64)
        return out

    def _repair(self, genes: Genes) -> Genes:
        """Clamp to the grid, then widths into [previous, growth x previous] and b into its ratio of out."""
        genes = np.clip(genes, 0, self.tops - 1)
        g, outs, widths = self.problem.grid, self.values["out"], self.values["bottleneck"]
        before = self.values["stem"][genes[:, 0]]
        for s in range(len(self.problem.strides)):
            column, low = 1 + 4 * s, before if self.problem.non_decreasing else 0 * before
            floor = np.searchsorted(outs, low)
            top = np.searchsorted(outs, before * g.growth, side="right") - 1
            genes[:, column] = np.clip(genes[:, column], floor, np.maximum(top, floor))
            genes[:, column] = np.minimum(genes[:, column], self.tops[column] - 1)
            before = outs[genes[:, column]]
            floor = np.searchsorted(widths, g.bottleneck_ratio[0] * before - 1e-9)
            top = np.searchsorted(widths, g.bottleneck_ratio[1] * before + 1e-9, side="right") - 1
            genes[:, column + 1] = np.clip(genes[:, column + 1], floor, np.maximum(top, floor))
            genes[:, column + 1] = np.clip(genes[:, column + 1], 0, len(widths) - 1)
        return genes

    def score(self, genes: Genes) -> Scores:
        """Price a whole generation (the same closed forms as the tables)."""
        p, edges = self.problem, self.problem.resolutions()
        cin = self.values["stem"][genes[:, 0]].astype(float)
        totals = families.conv(3, cin, 3, edges[0])
        extra = {name: np.zeros(len(genes)) for name in p.extra}
        scored, broken, depth = _Scored(p), np.zeros(len(genes)), np.ones(len(genes))
        for s, stride in enumerate(p.strides):
            if stride == 2:
                scored.close(totals[0], depth, cin, edges[s], s > 0)
            out, b, k, blocks = self._stage(genes, s)
            broken += self._structural(cin, out, b)
            totals = totals + families.block(p.family, cin, out, b, k, edges[s], stride, True)
            totals = totals + (blocks - 1) * families.block(p.family, out, out, b, k, edges[s + 1], 1, False)
            for name, resource in p.extra.items():
                extra[name] += resource(s, cin, out, b, k, edges[s], stride, True)
                extra[name] += (blocks - 1) * resource(s, out, out, b, k, edges[s + 1], 1, False)
            cin, depth = out, depth + families.CONVS[p.family] * blocks
        if p.head:
            totals = totals + families.conv(cin, p.head, 1, edges[-1])
            cin, depth = np.full(len(genes), float(p.head)), depth + 1
        scored.close(totals[0], depth, cin, edges[-1], True)
        if p.convention.classifier:
            totals = totals + families.classifier(cin, CLASSES)
        amounts = dict(zip(families.NAMES[1:], totals[1:], strict=True)) | extra
        values = {name: amounts[name] for name in p.budgets} | {"rho": scored.rho}
        for name, value in values.items():
            broken += np.maximum(0.0, value / self._limit(name) - 1.0)
        return Scores(scored.score - self._penalty(genes), broken, values)

    def _stage(self, genes: Genes, s: int) -> tuple[Array, Array, Array, Array]:
        out, b, k, depth = genes[:, 1 + 4 * s : 5 + 4 * s].T
        v = self.values
        return v["out"][out].astype(float), v["bottleneck"][b].astype(float), v["kernel"][k], depth + 1.0

    def _penalty(self, genes: Genes) -> Array:
        depths = genes[:, [4 + 4 * s for s in self.problem.balanced]] + 1.0
        return np.asarray(self.problem.convention.beta * np.exp(depths.std(axis=1)))

    def _structural(self, cin: Array, out: Array, b: Array) -> Array:
        """10 for every broken structural limit (the repair cannot always keep them)."""
        g = self.problem.grid
        low, high = g.bottleneck_ratio
        bad = (out > g.growth * cin) | (b < low * out * (1 - 1e-12)) | (b > high * out * (1 + 1e-12))
        if self.problem.non_decreasing:
            bad |= out < cin
        return np.asarray(10.0 * bad)

    def structure(self, genes: Genes) -> Structure:
        """One individual as a structure."""
        p, v = self.problem, self.values
        row = [int(x) for x in genes]
        stages = []
        for s, stride in enumerate(p.strides):
            o, b, k, depth = row[1 + 4 * s : 5 + 4 * s]
            stages.append(Stage(int(v["out"][o]), int(v["bottleneck"][b]), int(v["kernel"][k]), depth + 1, stride))
        head = Conv(p.head, 1, 1) if p.head else None
        return Structure(p.family, Conv(int(v["stem"][row[0]]), 3, 2), tuple(stages), head)


class _Scored:
    """Accumulates ``sum_t alpha_t ln(C_t r_t^2) E_t`` and ``max_t rho_t`` over a generation."""

    def __init__(self, problem: Problem) -> None:
        self.alphas = list(problem.alphas)
        self.bug = problem.convention.se_resolution_bug and problem.family.endswith("_se")
        self.score: Array = np.zeros(1)
        self.rho: Array = np.zeros(1)

    def close(self, entropy: Array, depth: Array, channels: Array, edge: float, behind_se: bool) -> None:
        edge = 1.0 if self.bug and behind_se else edge
        self.score = self.score + self.alphas.pop(0) * np.log(channels * edge**2) * entropy
        self.rho = np.maximum(self.rho, depth * np.exp(-2 * entropy / depth))
