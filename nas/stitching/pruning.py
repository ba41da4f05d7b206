"""Which routes to leave out of training: those that another beats in cost and in the fit of its stitching layers.

A residual says how well a route imitates the anchor that it *ends* in, so only routes with the same end are compared,
and anchors (which imitate nothing) neither beat a route nor are beaten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from search_spaces.stitching.least_squares import LayerFit
from search_spaces.stitching.routes import Route
from search_spaces.stitching.walk import LayerKey, layer_key


def residual(route: Route, fits: Mapping[LayerKey, LayerFit]) -> float:
    """Share of variance that a route's stitches lose one after another, 1 - prod(1 - residual); 0 for an anchor."""
    found = [fits[layer_key(route, k)].pairs[s.i, s.j] for k, s in enumerate(route.stitches)]
    return 1 - prod(1 - min(r, 1.0) for r in found)


def survivors(routes: Mapping[int, Route], costs: Mapping[int, tuple[int, float]]) -> list[int]:
    """Numbers of the routes that stay: anchors, and stitches that no other of the same end beats; ascending.

    ``costs``: (MACs, residual) of each route; a route is beaten by one that is no worse in both and better in one.
    """

    def beaten(n: int) -> bool:
        rivals = [costs[m] for m, r in routes.items() if r.stitches and r.path[-1] == routes[n].path[-1]]
        return any(c != costs[n] and c[0] <= costs[n][0] and c[1] <= costs[n][1] for c in rivals)

    return [n for n, route in routes.items() if not route.stitches or not beaten(n)]


@dataclass(frozen=True)
class Saving:
    """What pruning leaves: routes and stitching layers, of how many."""

    routes: int
    of_routes: int
    layers: int
    of_layers: int

    @classmethod
    def of(cls, kept: Sequence[Route], routes: Sequence[Route]) -> Saving:
        """Of ``kept`` out of ``routes``."""
        return cls(len(kept), len(routes), len(_layers(kept)), len(_layers(routes)))

    def __str__(self) -> str:
        left_out = self.of_routes - self.routes
        return (
            f"{left_out} of {self.of_routes} routes ({left_out / self.of_routes:.0%}) neither trained nor judged, "
            f"{self.of_layers - self.layers} of {self.of_layers} stitching layers not made; a kept route is trained "
            f"{self.of_routes / self.routes:.2g} times as often in the same epochs"
        )


def _layers(routes: Sequence[Route]) -> set[LayerKey]:
    return {layer_key(route, k) for route in routes for k in range(len(route.stitches))}
