"""Score, effectiveness and counts of one structure, block by block (reference sections 2.1, 2.2, 2.3 and 2.7).

Deliberately the slow, literal reading: no table, no weight W, no affine form in L. Everything the solver claims about
a structure is said by this file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from . import families
from .conventions import Convention, balanced_stages, depth_penalty
from .structure import Structure

CLASSES = 1000


@dataclass(frozen=True, slots=True)
class ScoredStage:
    """One scored stage t: cumulative depth ``D`` and entropy ``E``, width ``C``, feature-map edge ``r``, ``rho_t``."""

    depth: int
    entropy: float
    channels: int
    resolution: float
    rho: float
    score: float  # H_t, before alpha_t


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything about one structure under one convention; ``objective = score - penalty``."""

    score: float
    penalty: float
    rho: float  # maximum over the scored stages
    rho_last: float
    amounts: dict[str, float]  # macs, released_flops, params and any extra resource
    stages: tuple[ScoredStage, ...] = field(repr=False)

    @property
    def objective(self) -> float:
        """The score less the depth penalty: what the designer maximises."""
        return self.score - self.penalty


def evaluate(structure: Structure, convention: Convention, resolution: int = 224) -> Evaluation:
    """Evaluate any structure exactly; it need not lie on a grid or within a budget."""
    totals, scored = _walk(structure, convention, resolution)
    alphas = convention.alphas[-len(scored) :]
    score = sum(alpha * stage.score for alpha, stage in zip(alphas, scored, strict=True))
    balanced = balanced_stages(structure.family, len(structure.stages))
    penalty = depth_penalty([structure.stages[i].depth for i in balanced], convention.beta)
    amounts = dict(zip(families.NAMES[1:], totals[1:].tolist(), strict=True))
    return Evaluation(score, penalty, max(s.rho for s in scored), scored[-1].rho, amounts, tuple(scored))


def _walk(structure: Structure, convention: Convention, resolution: int) -> tuple[families.Array, list[ScoredStage]]:
    """Walk from image to head; a block of stride 2 closes the scored stage before it."""
    r, cin, depth = resolution / structure.stem.stride, structure.stem.out, 1
    totals = families.conv(3, cin, structure.stem.kernel, r)
    scored, seen_se = [], False

    def close() -> None:
        edge = 1.0 if seen_se and convention.se_resolution_bug else r
        scored.append(_score(depth, float(totals[0]), cin, edge))

    for s in structure.stages:
        if s.stride == 2:
            close()
        for i in range(s.depth):
            stride = s.stride if i == 0 else 1
            totals = totals + families.block(structure.family, cin, s.out, s.bottleneck, s.kernel, r, stride, i == 0)
            r, cin = r / stride, s.out
        depth += families.CONVS[structure.family] * s.depth
        seen_se = seen_se or structure.family.endswith("_se")
    if structure.head:
        totals, cin, depth = totals + families.conv(cin, structure.head.out, 1, r), structure.head.out, depth + 1
    close()
    if convention.classifier:
        totals = totals + families.classifier(cin, CLASSES)
    return np.asarray(totals), scored


def _score(depth: int, entropy: float, channels: int, r: float) -> ScoredStage:
    """``H_t = ln(C_t r_t^2) E_t`` and ``rho_t = D_t exp(-2 E_t / D_t)``."""
    rho = depth * math.exp(-2 * entropy / depth)
    return ScoredStage(depth, entropy, channels, r, rho, math.log(channels * r**2) * entropy)
