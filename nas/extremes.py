"""The smallest and the largest network of a space, by MACs, for whoever names one of them."""

from __future__ import annotations

import numpy as np

from search_spaces import Architecture, SearchSpace

EXTREMES = ("smallest", "largest")
STEPS = 100
"""Far more than any space has needed."""


def extreme(space: SearchSpace, name: str) -> Architecture:
    """The ``smallest`` or the ``largest``: as in a supernet, or where choices pull both ways (asvit) from there on."""
    from nas.training.samplers import extremes

    found: Architecture = getattr(extremes, name)(space)
    sign, bound = (1, space.bounds("macs")[0]) if name == "smallest" else (-1, space.bounds("macs")[1])
    macs = int(space.price_architecture(found)["macs"])
    for _ in range(STEPS):
        if macs == bound:
            break
        neighbours = _neighbours(space, found)
        prices = space.price(neighbours, ("macs",))["macs"]
        best = int(np.argmin(sign * prices))
        if sign * prices[best] >= sign * macs:
            break
        found, macs = space.decode(neighbours[best]), int(prices[best])
    return found


def _neighbours(space: SearchSpace, architecture: Architecture) -> np.ndarray:
    """Every valid genome that differs in one choice; (N, G)."""
    cards = space.cardinalities
    rows = np.repeat(space.encode(architecture)[None], int(cards.sum()), axis=0)
    rows[np.arange(len(rows)), np.repeat(np.arange(len(cards)), cards)] = np.concatenate([np.arange(c) for c in cards])
    return rows[space.valid(rows)]
