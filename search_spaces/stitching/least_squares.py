"""Initialisation of stitching layers by least squares (SN-Net v1, section on initialisation), streaming.

For a stitch (i, j) the layer maps X, the features that front block i gives, onto Y, the features that end block j
takes. Normal equations are summed in float64 over batches, so any number of images takes the same memory. A layer that
serves several stitches minimises the sum of their squared errors.

Where we differ from the released code, on purpose: evaluation mode and plain images (there: training mode, mixup), one
solution for all stitches of a layer (there: the mean of one solution each), and a small ridge in the place of a
pseudo-inverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from search_spaces.errors import NasError
from search_spaces.stitching.model import StitchedNet, layer_name
from search_spaces.stitching.pieces import StitchLayer
from search_spaces.stitching.routes import Route
from search_spaces.stitching.walk import LayerKey, layer_key, walk

RIDGE = 1e-6
"""Added to the diagonal, relative to its mean: rank-deficient features have a solution too."""
Place = tuple[int, int, int]
"""Features of anchor a in stage s before its block p: (a, s, p)."""


@dataclass(frozen=True)
class LayerFit:
    """How well a layer's least squares fit: ``residual`` is the share of Y's variance that is left, 0 to 1."""

    layer: LayerKey
    stitches: int
    positions: int
    residual: float
    pairs: Mapping[tuple[int, int], float]


@dataclass
class _Sums:
    """Running sums of one stitch: X^T X, X^T Y (X with a column of ones), the sum and squares of Y, rows seen."""

    xx: Tensor | float = 0.0
    xy: Tensor | float = 0.0
    y: Tensor | float = 0.0
    yy: float = 0.0
    rows: int = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        ones = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
        self.xx, self.xy = self.xx + ones.T @ ones, self.xy + ones.T @ y
        self.y, self.yy, self.rows = self.y + y.sum(0), self.yy + float((y * y).sum()), self.rows + len(x)

    def residual(self, w: Tensor) -> float:
        """Share of Y's variance that ``X w`` leaves."""
        assert isinstance(self.xx, Tensor)
        assert isinstance(self.xy, Tensor)
        assert isinstance(self.y, Tensor)
        error = self.yy - 2 * float((w * self.xy).sum()) + float((w * (self.xx @ w)).sum())
        total = self.yy - float((self.y * self.y).sum()) / self.rows
        return max(error, 0.0) / max(total, 1e-300)


@dataclass
class _Layer:
    stitches: dict[tuple[int, int], _Sums] = field(default_factory=dict)

    def solve(self) -> Tensor:
        """[W | b]^T, shape (c_in + 1, c_out)."""
        xx = torch.stack([torch.as_tensor(s.xx) for s in self.stitches.values()]).sum(0)
        xy = torch.stack([torch.as_tensor(s.xy) for s in self.stitches.values()]).sum(0)
        ridge = torch.full((len(xx),), RIDGE * float(xx.diagonal()[:-1].mean()), dtype=xx.dtype, device=xx.device)
        ridge[-1] = 0.0  # the bias is free
        return torch.linalg.solve(xx + ridge.diag(), xy)


@torch.no_grad()
def fit_stitches(net: StitchedNet, batches: Iterable[Tensor]) -> list[LayerFit]:
    """Set every stitching layer of ``net`` by least squares on ``batches`` of images (B, in_chans, H, W).

    A few hundred images are enough. Raises NasError where there is no image, or features are not finite.
    """
    layers = _layers(net)
    wanted = {p for key, layer in layers.items() for pair in layer.stitches for p in _places(key, pair)}
    training = net.training
    net.eval()
    try:
        for images in batches:
            features = _features(net, images, wanted)
            for key, layer in layers.items():
                for pair, sums in layer.stitches.items():
                    sums.add(*(features[p] for p in _places(key, pair)))
    finally:
        net.train(training)
    return [_set(net, key, layer) for key, layer in layers.items()]


def _layers(net: StitchedNet) -> dict[LayerKey, _Layer]:
    """The stitches of every layer that ``net`` holds."""
    layers: dict[LayerKey, _Layer] = {}
    for route in net.routes:
        for k, stitch in enumerate(route.stitches):
            layers.setdefault(layer_key(route, k), _Layer()).stitches.setdefault((stitch.i, stitch.j), _Sums())
    return layers


def _places(key: LayerKey, pair: tuple[int, int]) -> tuple[Place, Place]:
    front, end, stage, _ = key
    return (front, stage, pair[0] + 1), (end, stage, pair[1])


def _features(net: StitchedNet, images: Tensor, wanted: set[Place]) -> dict[Place, Tensor]:
    """Features at the wanted places, as float64 rows of shape (B positions, channels)."""
    found: dict[Place, Tensor] = {}
    for anchor in sorted({a for a, _, _ in wanted}):
        x, layout = images, net.space.anchors[anchor].family.layout
        for step in list(walk(Route("anchor", (anchor,)), net.space.anchors))[:-1]:
            x = net.piece(step)(x)
            assert step.part is not None
            kind, stage, block = step.part
            places = {(anchor, stage, block + 1 if kind == "block" else 0)}
            if kind == "block" and block + 1 == net.space.anchors[anchor].depths[stage]:
                places.add((anchor, stage + 1, 0))  # unless a transition follows, which then gives it
            for p in places & wanted:
                found[p] = _rows(x, layout)
    return found


def _rows(x: Tensor, layout: str) -> Tensor:
    x = x.movedim(1, -1) if layout == "map" else x
    rows = x.reshape(-1, x.shape[-1]).double()
    if not torch.isfinite(rows).all():
        raise NasError("least squares: an anchor gives features that are not finite on these images")
    return rows


def _set(net: StitchedNet, key: LayerKey, layer: _Layer) -> LayerFit:
    if not all(s.rows for s in layer.stitches.values()):
        raise NasError("least squares need at least one image")
    solution = layer.solve()
    part = net.stitches[layer_name(key)]
    assert isinstance(part, StitchLayer)
    part.linear.weight.copy_(solution[:-1].T.reshape(part.linear.weight.shape))
    assert part.linear.bias is not None
    part.linear.bias.copy_(solution[-1])
    pairs = {pair: sums.residual(solution) for pair, sums in layer.stitches.items()}
    rows = sum(s.rows for s in layer.stitches.values())
    return LayerFit(key, len(pairs), rows, sum(pairs.values()) / len(pairs), pairs)
