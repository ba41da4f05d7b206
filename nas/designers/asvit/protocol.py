"""How candidates are judged and seeds searched: as published, or in minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from search_spaces.errors import unknown_name

PUBLISHED_ANGLES = 10


@dataclass(frozen=True)
class Protocol:
    """``repeats`` networks (and circles) per judgement; LE at ``angles`` of the circle, NTK on ``images`` images.

    ``evaluations`` is the default length of the seed search.
    """

    name: str
    search: Literal["evolution", "policy"]
    repeats: int
    angles: tuple[float, ...]
    images: int
    evaluations: int


PAPER = Protocol(
    "paper", "policy", 5, tuple(2 * math.pi * i / (PUBLISHED_ANGLES - 1) for i in range(PUBLISHED_ANGLES)), 16, 500
)
"""As released: ten angles with both ends, 16 images, 5 repeats, 500 steps of a policy gradient. Hours."""

DEFAULT = Protocol("default", "evolution", 2, (0.0, math.pi / 2), 8, 256)
"""Two angles: with its norms the identity the network is nearly linear, so the speed hardly depends on the angle and
what varies is the plane and the weights. ``benchmarks/asvit.py`` prints the rank agreement with :data:`PAPER`."""

PROTOCOLS = {p.name: p for p in (DEFAULT, PAPER)}


def get_protocol(name: str) -> Protocol:
    """The protocol called ``name``. Raises UnknownName."""
    if name not in PROTOCOLS:
        raise unknown_name("protocol", str(name)[:40], PROTOCOLS)
    return PROTOCOLS[name]
