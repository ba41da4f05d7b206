"""What ``nas.stitch`` was asked, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.training.data import Data
    from nas.training.settings import Settings
    from search_spaces.stitching import Stitching


@dataclass(frozen=True)
class Question:
    """See :func:`nas.stitching.api.stitch`. ``options`` are those of ``space``, ``source`` is where ``data`` is from.

    ``trained`` is False where least squares are all there is.
    """

    space: Stitching
    options: dict[str, Any]
    source: str
    data: Data
    settings: Settings
    trained: bool
    rank: int
    anchor_lr: float
    prune: bool
    num_images: int
    weights: Sequence[str] | None
    random: bool

    @property
    def used(self) -> list[int]:
        """Numbers of the routes that the papers use, all but a few."""
        return [n for n, route in enumerate(self.space.routes) if route.used]

    def macs(self, number: int) -> int:
        """MACs of a route."""
        return int(self.space.operators(self.space.of_route(self.space.routes[number])).macs[0])
