"""The growing rule (Chen et al., ICLR 2022, section 4; reference: ``search/grow.py``).

Each step adds one block to one stage *and* widens all stages by 5, 10, 15 or 20 %: at most 16 candidates. They are
judged at a quarter of their width and counted at the whole; the best by ``ranking`` is the next network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.designers.asvit.judge import Judge, Judgement
from nas.designers.asvit.limits import PARAMS_END, Limits
from nas.designers.asvit.ranking import best
from search_spaces import Architecture
from search_spaces.asvit import AsViT
from search_spaces.asvit.released import SEED_WIDTH

SCALE_WIDTH = 4
"""Networks are judged at 1 / 4 of their width."""
RATIOS = (0.05, 0.10, 0.15, 0.20)
Config = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A network of the series and its prices; ``judgement`` is of its quarter-width form.

    ``candidates``: how many it was best of.
    """

    architecture: Architecture
    prices: Mapping[str, int | float]
    judgement: Judgement
    candidates: int


@dataclass(frozen=True)
class Growth:
    """The series from the seed on, and why it ends where it does."""

    steps: tuple[Step, ...]
    ended: str


def candidates(narrow: Config) -> list[Config]:
    """Of a network at judging width. Widths that round to the same stand once; the smallest may not grow at all."""
    widths = dict.fromkeys(round(narrow["width"] * (1 + ratio)) for ratio in RATIOS)
    found = []
    for stage in range(len(narrow["stages"])):
        for width in widths:
            grown = copy.deepcopy(narrow) | {"width": width}
            grown["stages"][stage]["depth"] += 1
            found.append(grown)
    return found


def full_width(narrow: Config) -> Config:
    """The network that a judged one stands for."""
    return {**narrow, "width": SCALE_WIDTH * narrow["width"]}


def grow(
    space: AsViT, seed: Architecture, judge: Judge, limits: Limits, on_step: Callable[[Step], None] | None = None
) -> Growth:
    """Grow ``seed`` until no candidate keeps to the limits, or the published size is reached."""
    tell = on_step or (lambda step: None)
    narrow: Config = {**seed.config, "width": SEED_WIDTH // SCALE_WIDTH}
    steps = [Step(seed, space.price_architecture(seed), judge([space.architecture(narrow)])[0], 1)]
    tell(steps[0])
    while steps[-1].prices["params"] < PARAMS_END:
        priced = [(c, _prices(space, full_width(c))) for c in candidates(narrow)]
        allowed = [(config, prices) for config, prices in priced if limits.allow(prices)]
        if not allowed:
            return Growth(tuple(steps), "no further step keeps to the budget")
        judged = judge([space.architecture(config) for config, _ in allowed])
        index = best([j.le for j in judged], [j.ntk for j in judged])
        if index is None:
            return Growth(tuple(steps), f"no candidate of the next step could be judged: {judged[0].failure}")
        narrow, prices = allowed[index]
        steps.append(Step(space.architecture(full_width(narrow)), prices, judged[index], len(allowed)))
        tell(steps[-1])
    return Growth(tuple(steps), "the published rule ends at 80 M parameters")


def _prices(space: AsViT, config: Config) -> dict[str, int | float]:
    return space.price_architecture(space.architecture(config))
