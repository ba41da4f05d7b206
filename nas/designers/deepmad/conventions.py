"""The two ways to count and score: what the released code does, and what we hold to be sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import DesignError


@dataclass(frozen=True, slots=True)
class Convention:
    """Every point on which paper, released code and a sound reading differ (reference sections 2.1, 2.3, 2.7)."""

    name: str
    flops: str  # which amount a FLOPs budget bounds: "released_flops" or "macs"
    classifier: bool  # whether the final linear layer counts
    se_resolution_bug: bool = False  # r_t = 1 behind the first squeeze-excitation (section 2.1)
    alphas: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 8.0)  # weight of H_t, aligned with the last scored stage
    beta: float = 10.0  # weight of the depth penalty


RELEASED = Convention("released", "released_flops", classifier=False)
RELEASED_WITH_BUG = Convention("released_bug", "released_flops", classifier=False, se_resolution_bug=True)
SOUND = Convention("sound", "macs", classifier=True)
CONVENTIONS = {c.name: c for c in (RELEASED, RELEASED_WITH_BUG, SOUND)}


def convention(name: str) -> Convention:
    """The named convention."""
    if name not in CONVENTIONS:
        raise DesignError(f"unknown convention {name!r}; known: {', '.join(CONVENTIONS)}", known=list(CONVENTIONS))
    return CONVENTIONS[name]


def balanced_stages(family: str, n_stages: int) -> list[int]:
    """The stages whose depths the penalty balances: all but the first two for residual nets, else all (section 2.3)."""
    return list(range(2 if family.startswith("resnet") else 0, n_stages))


def depth_penalty(depths: Sequence[int], beta: float) -> float:
    """``beta * exp(std(L))`` with the population standard deviation."""
    mean = sum(depths) / len(depths)
    return beta * math.exp(math.sqrt(sum((d - mean) ** 2 for d in depths) / len(depths)))


def scored_stage(strides: Sequence[int]) -> list[int]:
    """Index t of the scored stage that each stage belongs to; the stem opens t = 0, a stride of 2 the next (2.1)."""
    t, out = 0, []
    for stride in strides:
        t += stride == 2
        out.append(t)
    return out
