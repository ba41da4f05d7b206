"""Which routes to leave out of training: those that another beats in cost and in accuracy by least squares alone.

A route's residual says how well it imitates the anchor that it *ends* in, stitch by stitch; what an error does in the
layers that follow it does not say. On Fashion-MNIST (``benchmarks/stitching.py``) its rank correlation with the
accuracy after training is -0.1 to -0.2 over all routes, that of the accuracy before training +0.6 to +0.7; the latter
is known anyway. Accuracies on few images are uncertain, so a route is left out only where the difference exceeds it.
Anchors neither beat a route nor are beaten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, prod, sqrt

from search_spaces.stitching.least_squares import LayerFit
from search_spaces.stitching.routes import Route
from search_spaces.stitching.walk import LayerKey, layer_key

ERRORS = 2
"""Standard errors by which a route must be less accurate to be left out."""


def residual(route: Route, fits: Mapping[LayerKey, LayerFit]) -> float:
    """Share of variance that a route's stitches lose one after another, 1 - prod(1 - residual); 0 for an anchor."""
    found = [fits[layer_key(route, k)].pairs[s.i, s.j] for k, s in enumerate(route.stitches)]
    return 1 - prod(1 - min(r, 1.0) for r in found)


def survivors(routes: Mapping[int, Route], known: Mapping[int, tuple[int, float]], images: int) -> list[int]:
    """Numbers of the routes that stay: anchors, and stitches that no other beats; ascending.

    ``known``: (MACs, accuracy on ``images`` images) of each route. A route is beaten by one that takes no more MACs and
    is more accurate by over :data:`ERRORS` standard errors of the difference.
    """
    rivals = [known[n] for n, route in routes.items() if route.stitches]

    def beaten(macs: int, accuracy: float) -> bool:
        error = _error(accuracy, images)
        return any(m <= macs and a - accuracy > ERRORS * hypot(_error(a, images), error) for m, a in rivals)

    return [n for n, route in routes.items() if not route.stitches or not beaten(*known[n])]


def _error(accuracy: float, images: int) -> float:
    """Standard error of an accuracy."""
    return sqrt(accuracy * (1 - accuracy) / images)


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
