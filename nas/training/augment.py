"""Random changes of training images.

Small images (below 64 pixels) are shifted, and colour images mirrored: more would destroy a digit. Larger ones get
timm's pipeline (random resized crop, flip, RandAugment, erasing).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

AUGMENTS = ("auto", "none", "shift", "flip", "strong")
STRONG_SIDE = 64
"""Image side from which timm's pipeline is worth its time."""


@dataclass(frozen=True)
class Augment:
    """Shift by up to ``shift`` of the side, mirror left and right where ``flip``; ``strong``: timm's pipeline."""

    shift: float = 0.0
    flip: bool = False
    strong: bool = False


def chosen(name: str, side: int, channels: int) -> Augment:
    """The augmentation behind a name of ``AUGMENTS``, for images of ``side`` pixels and ``channels`` channels."""
    if name == "auto":
        name = "strong" if side >= STRONG_SIDE else "flip" if channels == 3 else "shift"
    return {
        "none": Augment(), "shift": Augment(0.125), "flip": Augment(0.125, True), "strong": Augment(0.125, True, True),
    }[name]  # fmt: skip


def shift_and_flip(x_BCHW: Tensor, augment: Augment, generator: torch.Generator) -> Tensor:
    """Each image shifted on its own (edges repeated) and mirrored or not; float images, same shape."""
    batch, _, height, width = x_BCHW.shape
    reach = round(augment.shift * min(height, width))
    if reach:
        padded = F.pad(x_BCHW, (reach, reach, reach, reach), mode="replicate")
        offsets = torch.randint(0, 2 * reach + 1, (2, batch, 1), generator=generator)
        rows = (offsets[0] + torch.arange(height)).view(batch, 1, height, 1)
        columns = (offsets[1] + torch.arange(width)).view(batch, 1, 1, width)
        x_BCHW = padded[
            torch.arange(batch).view(-1, 1, 1, 1), torch.arange(x_BCHW.shape[1]).view(1, -1, 1, 1), rows, columns
        ]
    if augment.flip:
        mirror = torch.rand(batch, generator=generator) < 0.5
        x_BCHW = torch.where(mirror.view(-1, 1, 1, 1), x_BCHW.flip(3), x_BCHW)
    return x_BCHW
