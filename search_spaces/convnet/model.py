"""A staged CNN as a PyTorch module, shaped like timm's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from search_spaces.convnet.blocks import Head, Stage
from search_spaces.convnet.grammar import ends_scale, stage_names
from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.staged import StagedModel


def _levels(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """timm's ``feature_info``: the last stage at each scale, with its reduction; the 1x1 head is none of them."""
    stages = [config["stem"], *config["stages"]]
    ends = [*ends_scale(config)[: len(stages) - 1], True]
    reduction, levels = 1, []
    for name, stage, last in zip(stage_names(config), stages, ends, strict=False):
        reduction *= stage["stride"]
        if last:
            levels.append({"num_chs": stage["out"], "reduction": reduction, "module": name})
    return levels


class ConvNetModel(StagedModel):
    """One network of the family; ``config`` is a valid structure of ``convnet.grammar``.

    Images may have any size; at the architecture's resolution every figure of the operator table holds exactly.
    ``num_classes=0`` leaves the classifier out.
    """

    architecture_name = "convnet"
    first_conv = "stem.conv"

    def __init__(
        self, config: Mapping[str, Any], *, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.config = dict(config)
        self.in_chans, self.img_size, self.num_classes = in_chans, int(config["resolution"]), num_classes
        stem, end = config["stem"], config["head"]
        self.stem = ConvNorm(in_chans, stem["out"], stem["kernel"], stride=stem["stride"], act=nn.ReLU)
        width = stem["out"]
        for i, stage in enumerate(config["stages"], start=1):
            self.add_module(f"S{i}", Stage(config["family"], width, **stage))
            width = stage["out"]
        if end:
            self.conv_head = ConvNorm(width, end["out"], act=nn.ReLU)
            width = end["out"]
        self.num_features = self.head_hidden_size = width
        self.feature_info = _levels(config)
        self.head = Head(width, num_classes, drop_rate)
