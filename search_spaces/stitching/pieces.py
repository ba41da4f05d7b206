"""Parts of an anchor as modules, without copying anything.

A piece is the anchor's own object with only some of its children and parameters: timm's methods run on it unchanged,
and what it does not need is neither held nor saved.
"""

from __future__ import annotations

import copy
from collections.abc import Collection

from torch import Tensor, nn

from search_spaces.stitching.families import Family, Layout


def reduced(anchor: nn.Module, keep: Collection[str]) -> nn.Module:
    """``anchor`` with the children, parameters and buffers named in ``keep`` only; tensors are shared."""
    view = copy.copy(anchor)
    for kind in ("_modules", "_parameters", "_buffers"):
        view.__dict__[kind] = {k: v for k, v in anchor.__dict__[kind].items() if k in keep}
    return view


class Embed(nn.Module):
    """From images (B, in_chans, H, W) to the features of the first block."""

    def __init__(self, anchor: nn.Module, family: Family) -> None:
        super().__init__()
        self.anchor = reduced(anchor, family.embed)
        self._run = family.run_embed

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Features in the family's layout."""
        return self._run(self.anchor, x_BCHW)


class Tail(nn.Module):
    """From the features of the last block to logits; ``normed=False`` leaves out the last norm."""

    def __init__(self, anchor: nn.Module, family: Family, normed: bool = True) -> None:
        super().__init__()
        self.anchor = reduced(anchor, family.tail)
        self._run, self._normed = family.run_features, normed

    def features(self, x: Tensor) -> Tensor:
        """The last norm, where there is one."""
        return self._run(self.anchor, x) if self._normed else x

    def head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pooling and classifier."""
        return self.anchor.forward_head(x, pre_logits=pre_logits)  # type: ignore[operator,no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes)."""
        return self.head(self.features(x))


class StitchLayer(nn.Module):
    """An affine map per position from one anchor's features to another's (a 1x1 convolution on maps).

    With ``rank`` r it is ``y = x W^T + b + (1 / r) x A^T B^T`` (SN-Net v2): W is fixed, A and B are trained. In
    evaluation mode the product is merged into W, so the rank costs nothing there.
    """

    def __init__(self, c_in: int, c_out: int, front: Layout, end: Layout, rank: int = 0) -> None:
        super().__init__()
        self.on_map, self.to_grid = front == "map", front == "map" and end == "grid"
        self.linear = nn.Linear(c_in, c_out) if not self.on_map else nn.Conv2d(c_in, c_out, 1)
        self.rank = 0
        if rank:
            self.add_rank(rank)

    def add_rank(self, rank: int) -> None:
        """Train a low-rank update from here on, W being fixed; it starts as zero."""
        import torch

        weight = self.linear.weight
        self.rank = rank
        self.down = nn.Parameter(torch.empty(rank, weight.shape[1]))
        self.up = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        weight.requires_grad_(False)

    def weight(self) -> Tensor:
        """W with the low-rank update, in the shape of the layer's own."""
        weight = self.linear.weight
        return weight + (self.up @ self.down / self.rank).view_as(weight) if self.rank else weight

    def merge(self) -> None:
        """Write the low-rank update into W and drop it."""
        if self.rank:
            self.linear.weight.data = self.weight().detach()
            self.linear.weight.requires_grad_(True)
            del self.down, self.up
            self.rank = 0

    def forward(self, x: Tensor) -> Tensor:
        """Features of the front anchor -> features of the end anchor, at the same positions."""
        run = nn.functional.conv2d if self.on_map else nn.functional.linear
        y = run(x, self.weight(), self.linear.bias)
        return y.permute(0, 2, 3, 1) if self.to_grid else y
