"""What a seed search hands back, and the trivial score that every LE is to be read beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from nas.designers.asvit.judge import Judgement
from search_spaces import Architecture

Over = Callable[[], bool]
"""Whether the time of a search is over."""


@dataclass(frozen=True)
class SeedSearch:
    """The chosen seed and everything that was judged on the way, in order."""

    seed: Architecture
    judged: tuple[Judgement, ...]


def merging_product(config: Mapping[str, Any]) -> int:
    """K2 K3 K4, kernels of the patch mergings: with weights of one standard deviation LE is almost this alone.

    The gain of a merging grows like K, since its fan-in is K^2 C; the other choices move LE by less than its noise.
    """
    return prod(stage["kernel"] for stage in config["stages"][1:])


def agreement(judged: Sequence[Judgement]) -> float | None:
    """Kendall's tau-b between LE and K2 K3 K4 over the judged seeds; None where it is not defined."""
    from scipy.stats import kendalltau

    pairs = [(j.le, merging_product(j.architecture.config)) for j in judged if j.le is not None]
    if len(pairs) < 2:
        return None
    tau = float(kendalltau(*zip(*pairs, strict=True)).statistic)
    return tau if tau == tau else None
