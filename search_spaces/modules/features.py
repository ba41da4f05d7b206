"""Feature pyramids: a classifier's stages as the backbone of a detector or segmenter, in timm's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class FeatureInfo:
    """What each feature map is: channels, reduction (image side / map side) and the module that makes it."""

    def __init__(self, levels: Sequence[dict[str, Any]]) -> None:
        self.info = [dict(level) for level in levels]

    def channels(self) -> list[int]:
        """Channels of each map."""
        return [level["num_chs"] for level in self.info]

    def reduction(self) -> list[int]:
        """Image side divided by map side (sides are rounded up)."""
        return [level["reduction"] for level in self.info]

    def module_name(self) -> list[str]:
        """Name of the stage that makes each map."""
        return [level["module"] for level in self.info]

    def get_dicts(self) -> list[dict[str, Any]]:
        """All of it, as plain data."""
        return [dict(level) for level in self.info]

    def __len__(self) -> int:
        return len(self.info)


def take_indices(levels: int, indices: int | Sequence[int] | None) -> list[int]:
    """Non-negative level indices: all for None, the last n for an integer. Raises ValueError outside the range."""
    if indices is None:
        return list(range(levels))
    chosen = list(range(levels - indices, levels)) if isinstance(indices, int) else list(indices)
    if not chosen or any(not -levels <= i < levels for i in chosen):
        raise ValueError(f"feature indices must lie in {-levels}..{levels - 1}, got {indices}")
    return sorted({i % levels for i in chosen})


class FeatureBackbone(nn.Module):
    """Returns feature maps of a chain of stages, finest first, as timm's ``features_only=True`` models do.

    ``stages`` maps names to modules, run in order; ``levels`` are timm-style dictionaries (``num_chs``,
    ``reduction``, ``module``) of the maps that can be had. Stages behind the last map asked for are left out.
    """

    def __init__(
        self, stages: dict[str, nn.Module], levels: Sequence[dict[str, Any]], out_indices: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        chosen = [levels[i] for i in take_indices(len(levels), out_indices)]
        self.feature_info = FeatureInfo(chosen)
        self._outputs = {level["module"] for level in chosen}
        names = list(stages)
        for name in names[: names.index(chosen[-1]["module"]) + 1]:
            self.add_module(name, stages[name])

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """Images (B, in_chans, H, W) -> the chosen maps, each (B, channels, height, width)."""
        maps = []
        for name, stage in self.named_children():
            x_BCHW = stage(x_BCHW)
            if name in self._outputs:
                maps.append(x_BCHW)
        return maps
