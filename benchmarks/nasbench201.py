"""The networks of NAS-Bench-201 (Dong & Yang, ICLR 2020) from six digits, and images to judge them on.

A cell is a graph on four nodes; the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3 each carry one of five operations, and a node is
the sum of what enters it. Five cells a stage at 16, 32 and 64 channels, a residual block of stride 2 between stages.

The table is read from ``NAS_DATA`` and never copied. The images are Fashion-MNIST, padded to 32 x 32 and repeated on
three channels: CIFAR-10, on which the accuracies were measured, is not here.

What to expect beside the published figures (``proxies.PUBLISHED``: CIFAR-10, 200 epochs): the same signs, roughly the
same order, lower. After 12 epochs what counts is how quickly a cell learns, so size says less (params' rho on these
rows is 0.4 to 0.55, 0.74 as published), and gradients at initialisation (grad_norm, snip, fisher), which follow size,
fall with it. Those that count distinguishable inputs (jacob_cov, NASWOT) depend least on epochs and on the images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from vitbench import data_folder

from predictors.training_free import Batch

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
NONE, SKIP, CONV1, CONV3, POOL = range(5)
WIDTHS, CELLS, IMG_SIZE = (16, 32, 64), 5, 32
TASKS = ("acc12_cifar10_test", "acc12_cifar100_test", "acc12_imagenet16_test")
"""Test accuracies after 12 epochs (percent)."""


def table(count: int | None = None, seed: int = 0) -> pd.DataFrame | None:
    """``count`` random rows (default all) with ``params`` and ``macs`` added, or None if the file is not there."""
    path = data_folder() / "nasbench201_sample.csv.gz"
    if not path.exists():
        return None
    found = pd.read_csv(path, dtype={"ops": str})
    found = found[found[list(TASKS)].notna().all(axis=1)].reset_index(drop=True)
    if count is not None and count < len(found):
        rows = np.sort(np.random.default_rng(seed).permutation(len(found))[:count])
        found = found.iloc[rows].reset_index(drop=True)
    return found.assign(params=found["params_M"] * 1e6, macs=found["flops_M"] * 1e6)


def images(count: int, seed: int = 0) -> Batch | None:
    """``count`` training images of Fashion-MNIST with labels, 3 x 32 x 32, standardised; None if not there."""
    path = Path(data_folder() / "fashion_mnist.npz")
    if not path.exists():
        return None
    with np.load(path) as data:
        chosen = np.random.default_rng(seed).permutation(len(data["x_train"]))[:count]
        x, y = data["x_train"][chosen], data["y_train"][chosen]
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2))).astype(np.float32) / 255
    standard = (padded - padded.mean()) / padded.std()
    batch = torch.from_numpy(standard)[:, None].expand(-1, 3, -1, -1).contiguous()
    return Batch(batch, torch.from_numpy(y.astype(np.int64)))


def build(ops: str, classes: int = 10) -> nn.Module:
    """The network of six digits such as ``"334034"``."""
    return CellNetwork(tuple(int(digit) for digit in ops), classes)


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution, batch norm, in the benchmark's order."""
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(c_out))


def _edge(operation: int, width: int) -> nn.Module:
    if operation in (CONV1, CONV3):
        return _conv(width, width, 1 if operation == CONV1 else 3)
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False) if operation == POOL else nn.Identity()


class Cell(nn.Module):
    """One cell; edges that carry ``none`` are absent."""

    def __init__(self, ops: tuple[int, ...], width: int) -> None:
        super().__init__()
        kept = [(e, o) for e, o in zip(EDGES, ops, strict=True) if o != NONE]
        self.ends = [e for e, _ in kept]
        self.edges = nn.ModuleList(_edge(o, width) for _, o in kept)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        nodes = [x, *[torch.zeros_like(x)] * 3]
        for (start, end), edge in zip(self.ends, self.edges, strict=True):
            nodes[end] = nodes[end] + edge(nodes[start])
        return nodes[3]


class Reduction(nn.Module):
    """The residual block between stages: two 3x3 convolutions, and pooling with a 1x1 convolution beside them."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.main = nn.Sequential(_conv(c_in, c_out, 3, 2), _conv(c_out, c_out, 3))
        self.beside = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H/2, W/2)."""
        return self.main(x) + self.beside(x)


class CellNetwork(nn.Module):
    """Stem, three stages of five cells, pooling, classifier."""

    def __init__(self, ops: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.img_size, self.in_chans, self.num_classes = IMG_SIZE, 3, classes
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]))
        parts: list[nn.Module] = []
        for stage, width in enumerate(WIDTHS):
            parts += [Reduction(WIDTHS[stage - 1], width)] if stage else []
            parts += [Cell(ops, width) for _ in range(CELLS)]
        self.cells = nn.Sequential(*parts)
        self.last = nn.Sequential(nn.BatchNorm2d(WIDTHS[-1]), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 32, 32) -> (N, classes)."""
        logits: Tensor = self.head(self.last(self.cells(self.stem(x))))
        return logits
