"""What stitches are worth before training: least squares, what it leaves, accuracies beside random layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from nas.stitching.pruning import residual
from nas.training.data import Data
from nas.training.data.dataset import Subset, in_order
from nas.training.judge import Judge, at_size
from search_spaces.stitching.least_squares import fit_stitches
from search_spaces.stitching.model import StitchedNet

IMAGES = 512
"""Held-out images, at most, on which routes are judged before training."""
RANDOM = 12
"""Routes judged with random stitching layers, at most, spread evenly over the costs."""
BATCH = 32
NUMBERED = ("residuals", "random", "accuracies", "correlations")
OnRoute = Callable[[int, int], None]
"""Told (routes judged, of how many)."""


@dataclass(frozen=True)
class Line:
    """The best stitch by least squares only, beside the straight line from random stitches to the anchors.

    The line joins (MACs, accuracy) of the smallest anchor, the mean of the stitches with random layers and the largest
    anchor; ``line`` is its accuracy at the stitch's cost. The best stitch is the one farthest above it.
    """

    route: int
    accuracy: float
    line: float
    random: float
    anchors: tuple[float, ...]


@dataclass(frozen=True)
class Initial:
    """By route number: ``residuals``, ``random`` and least-squares accuracies on ``images`` held-out images.

    ``correlations`` by number of the last anchor: Spearman's, of residual and accuracy over the stitches that end there
    (None where one of them is constant). Residuals of different ends cannot be compared.
    """

    residuals: Mapping[int, float]
    random: Mapping[int, float]
    accuracies: Mapping[int, float]
    images: int
    fitted_on: int
    correlations: Mapping[int, float | None]
    line: Line

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as JSON gives it back."""
        return {k: {str(n): x for n, x in v.items()} if k in NUMBERED else v for k, v in asdict(self).items()}


def initialise(net: StitchedNet, data: Data, count: int, judge: Judge, on_route: OnRoute) -> Initial:
    """Set the stitching layers of ``net`` by least squares on ``count`` clean training images, and judge its routes."""
    space, numbers = net.space, numbers_of(net)
    macs = {n: int(space.operators(space.of_route(space.routes[n])).macs[0]) for n in numbers}
    stitched = sorted((n for n in numbers if space.routes[n].stitches), key=lambda n: macs[n])
    some = [stitched[i] for i in np.unique(np.linspace(0, len(stitched) - 1, min(RANDOM, len(stitched))).astype(int))]
    total = len(some) + len(numbers)
    random = _judged(net, some, judge, lambda done: on_route(done, total))
    fits = {f.layer: f for f in fit_stitches(net, _clean(net, data, count))}
    residuals = {n: residual(space.routes[n], fits) for n in numbers}
    accuracies = _judged(net, numbers, judge, lambda done: on_route(len(some) + done, total))
    return Initial(
        residuals, random, accuracies, len(judge_data(data).validation.labels), min(count, data.facts.train),
        _correlations({n: space.routes[n].path[-1] for n in stitched}, residuals, accuracies),
        _line(net, macs, stitched, random, accuracies),
    )  # fmt: skip


def numbers_of(net: StitchedNet) -> list[int]:
    """Numbers of the routes that a net holds, in order."""
    number = {route: n for n, route in enumerate(net.space.routes)}
    return [number[route] for route in net.routes]


def judge_data(data: Data) -> Data:
    """The data with at most :data:`IMAGES` held-out images."""
    count = min(IMAGES, len(data.validation.labels))
    rows = np.random.default_rng(0).permutation(len(data.validation.labels))[:count]
    return replace(data, validation=Subset(data.validation, np.sort(rows)))


def _judged(net: StitchedNet, numbers: Sequence[int], judge: Judge, tell: Callable[[int], None]) -> dict[int, float]:
    found = {}
    for n in numbers:
        found[n] = round(judge.subnet(net, net.space.of_route(net.space.routes[n]))[1].accuracy, 6)
        tell(len(found))
    return found


def _clean(net: StitchedNet, data: Data, count: int) -> Iterator[Tensor]:
    """Training images without augmentation, drawn once for all runs."""
    rows = np.random.default_rng(0).permutation(data.facts.train)[:count]
    device = next(net.parameters()).device
    for images, _ in data.train.batches([rows[part] for part in in_order(len(rows), BATCH)]):
        yield at_size(net, images.to(device))


def _line(
    net: StitchedNet, macs: Mapping[int, int], stitched: Sequence[int], random: Mapping[int, float],
    accuracies: Mapping[int, float],
) -> Line:  # fmt: skip
    anchors = range(len(net.space.anchors))
    centre = (float(np.mean([macs[n] for n in random])), float(np.mean(list(random.values()))))
    first, last = anchors[0], anchors[-1]
    points = sorted([(float(macs[first]), accuracies[first]), centre, (float(macs[last]), accuracies[last])])
    line = np.interp([macs[n] for n in stitched], [p[0] for p in points], [p[1] for p in points])
    above = np.array([accuracies[n] for n in stitched]) - line
    best = int(np.argmax(above))
    number = stitched[best]
    return Line(number, accuracies[number], float(line[best]), centre[1], tuple(accuracies[a] for a in anchors))


def _correlations(
    ends: Mapping[int, int], residuals: Mapping[int, float], accuracies: Mapping[int, float]
) -> dict[int, float | None]:
    found = {}
    for end in sorted(set(ends.values())):
        numbers = [n for n in ends if ends[n] == end]
        found[end] = spearman([residuals[n] for n in numbers], [accuracies[n] for n in numbers])
    return found


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Rank correlation; None where either is constant."""
    from scipy.stats import spearmanr

    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(spearmanr(a, b).statistic)


def without_layers_of(net: StitchedNet, kept: Sequence[int]) -> StitchedNet:
    """A net of the routes ``kept`` alone, which shares the anchors and the layers that these need."""
    space = net.space
    anchors = [net.anchors[str(a)] for a in range(len(space.anchors))]
    smaller = StitchedNet(space, anchors, [space.routes[n] for n in kept])
    for name in list(smaller.stitches):
        smaller.stitches[name] = net.stitches[name]
    return smaller
