"""Models whose stages hand on tokens: a class token first, then the patches of a grid, row by row.

Shapes: B images, N = 1 + height * width tokens, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modules.features import FeatureBackbone, take_indices
from search_spaces.modules.skeleton import Reused
from search_spaces.modules.staged import StagedModel
from search_spaces.modules.vit import Grid


class PositionEmbedding(nn.Module):
    """A learnable vector per position of a ``side`` x ``side`` grid, and one for the class token if ``class_token``.

    ``table`` has shape (N, C): a supernet's first C columns are a narrower network's. On another grid than its own it
    is resized bicubically.
    """

    def __init__(self, width: int, side: int, *, class_token: bool = True) -> None:
        super().__init__()
        self.side, self.extra = side, int(class_token)
        self.table = nn.Parameter(torch.empty(side * side + self.extra, width))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, grid: Grid) -> Tensor:
        """(N, C) of the grid at hand."""
        if grid == (self.side, self.side):
            return self.table
        fixed, patches_NC = self.table[: self.extra], self.table[self.extra :]
        map_1CHW = patches_NC.t().unflatten(1, (self.side, self.side)).unsqueeze(0)
        resized = F.interpolate(map_1CHW, size=grid, mode="bicubic", align_corners=False)
        return torch.cat([fixed, resized.squeeze(0).flatten(1).t()])


class PatchEmbedding(nn.Module):
    """Patches through ``project`` (a module from images to a map), class token, positions."""

    def __init__(self, project: nn.Module, width: int, side: int) -> None:
        super().__init__()
        self.project = project
        self.class_token = nn.Parameter(torch.empty(1, width))
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.position = PositionEmbedding(width, side)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Grid]:
        """(B, in_chans, H, W) -> (B, N, C) and the grid."""
        x_BCHW = self.project(x_BCHW)
        grid = (int(x_BCHW.shape[2]), int(x_BCHW.shape[3]))
        class_B1C = self.class_token.expand(x_BCHW.shape[0], 1, -1)
        x_BNC = torch.cat([class_B1C, x_BCHW.flatten(2).transpose(1, 2)], dim=1)
        return x_BNC + self.position(grid), grid


class Head(nn.Module, metaclass=Reused):
    """Layer norm, then the class token or the mean of the patches (``pool``), dropout, classifier."""

    def __init__(self, width: int, num_classes: int, *, pool: str, eps: float, drop_rate: float) -> None:
        super().__init__()
        self.width, self.pool = width, pool
        self.norm = nn.LayerNorm(width, eps)
        self.drop = nn.Dropout(drop_rate)
        self.classifier: nn.Module = nn.Linear(width, num_classes) if num_classes else nn.Identity()

    def reset_classifier(self, num_classes: int, like: Tensor) -> None:
        """A fresh last layer beside ``like``'s device and precision; none for 0 classes."""
        fresh = nn.Linear(self.width, num_classes, device=like.device, dtype=like.dtype) if num_classes else None
        self.classifier = nn.Identity() if fresh is None else fresh

    def forward(self, x_BNC: Tensor, pre_logits: bool = False) -> Tensor:
        """(B, N, C) -> (B, num_classes), or (B, C) with ``pre_logits``."""
        x_BNC = self.norm(x_BNC)
        x_BC = x_BNC[:, 1:].mean(1) if self.pool == "avg" else x_BNC[:, 0]
        return x_BC if pre_logits else self.classifier(self.drop(x_BC))


def as_map(x_BNC: Tensor, grid: Grid) -> Tensor:
    """The patches as a feature map (B, C, height, width)."""
    return x_BNC[:, 1:].transpose(1, 2).unflatten(2, grid)


class TokenModel(StagedModel):
    """A :class:`StagedModel` whose first stage makes tokens and whose further stages map (tokens, grid) to the same."""

    head: Head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Give the network a fresh classifier for ``num_classes`` (0: none); the rest keeps its weights."""
        if global_pool not in (None, self.head.pool):
            raise ValueError(f"{self.architecture_name} pools by {self.head.pool!r}, got global_pool={global_pool!r}")
        self.num_classes = num_classes
        self.head.reset_classifier(num_classes, next(self.parameters()))

    def _run(self, x_BCHW: Tensor) -> Iterator[tuple[str, Tensor, Grid]]:
        """(stage, tokens, grid) after each stage."""
        first, *rest = self._stages().items()
        x_BNC, grid = first[1](x_BCHW)
        yield first[0], x_BNC, grid
        for name, stage in rest:
            x_BNC, grid = stage(x_BNC, grid)
            yield name, x_BNC, grid

    def forward_features(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> the last stage's tokens (B, N, num_features)."""
        *_, (_, x_BNC, _) = self._run(x_BCHW)
        return x_BNC

    def forward_intermediates(
        self, x: Tensor, indices: int | Sequence[int] | None = None, norm: bool = False, stop_early: bool = False,
        output_fmt: str = "NCHW", intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Feature maps of the patches by scale, in timm's signature; see :class:`StagedModel`.

        The tokens of the last stage that ran come before the maps unless ``intermediates_only``.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be 'NCHW', got {output_fmt!r}")
        wanted = {self.feature_info[i]["module"] for i in take_indices(len(self.feature_info), indices)}
        maps, tokens = [], x
        for name, tokens, grid in self._run(x):
            if name in wanted:
                maps.append(as_map(tokens, grid))
            if stop_early and len(maps) == len(wanted):
                break
        return maps if intermediates_only else (tokens, maps)

    def features(self, out_indices: Sequence[int] | None = None) -> TokenBackbone:
        """This network (the same weights) as a backbone returning one map per scale; see ``feature_info``."""
        return TokenBackbone(self._stages(), self.feature_info, out_indices)

    def no_weight_decay(self) -> set[str]:
        """Parameters that an optimiser should not decay, beside biases and norms: the class token."""
        return {name for name, _ in self.named_parameters() if name.endswith("class_token")}


class TokenBackbone(FeatureBackbone):
    """Feature maps of a chain of token stages, finest first."""

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """Images (B, in_chans, H, W) -> the chosen maps, each (B, channels, height, width)."""
        maps: list[Tensor] = []
        state: tuple[Any, ...] = (x_BCHW,)
        for name, stage in self.named_children():
            state = stage(*state)
            if name in self._outputs:
                maps.append(as_map(*state))
        return maps
