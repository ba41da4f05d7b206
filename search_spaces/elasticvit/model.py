"""ElasticViT as a PyTorch module, shaped like timm's (Tang et al., ICCV 2023, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.elasticvit.blocks import ConvStage, Head, Stem, TransformerStage
from search_spaces.elasticvit.operators import FEATURES, half
from search_spaces.modules.staged import StagedModel

CONV_STAGES = (("C1", False), ("C2", True))
TRANSFORMER_STAGES = (("T1", 2), ("T2", 1), ("T3", 2), ("T4", 2))
LEVELS = {"stem": 2, "C1": 4, "C2": 8, "T2": 16, "T3": 32, "T4": 64}
"""Reduction of the last stage at each scale."""


class ElasticViTModel(StagedModel):
    """One network of the family; ``config`` is a valid structure of ``elasticvit.grammar``.

    Images may have any size: at the architecture's resolution every figure of the operator table holds exactly; at
    another, or for a rectangle, the position biases are resized bicubically to the grid at hand (fine-tune then).

    ``released=True`` gives the behaviour that weights of the released code were trained with: layer norm over tokens
    and channels together, padded zeros counted by the shortcuts' average pools, and q, k, v cut from three segments
    when this network is part of a supernet. Costs are the same. ``num_classes=0`` leaves the classifier out.
    """

    architecture_name = "elasticvit"
    first_conv = "stem.0.conv"

    def __init__(
        self, config: Mapping[str, Any], *, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.0,
        released: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config, self.released = dict(config), released
        self.in_chans, self.img_size = in_chans, int(config["resolution"])
        self.stem = Stem(in_chans, **config["stem"])
        width, side, widths = config["stem"]["width"], half(self.img_size, 2), {"stem": config["stem"]["width"]}
        for (name, se), stage in zip(CONV_STAGES, config["conv_stages"], strict=True):
            self.add_module(name, ConvStage(width, **stage, se=se, released=released))
            width, side = stage["width"], half(side, 2)
            widths[name] = width
        for (name, stride), stage in zip(TRANSFORMER_STAGES, config["transformer_stages"], strict=True):
            side = half(side, stride)
            self.add_module(name, TransformerStage(width, **stage, stride=stride, side=int(side), released=released))
            width = widths[name] = stage["width"]
        self.num_features, self.head_hidden_size = width, FEATURES
        self.feature_info = [{"num_chs": widths[name], "reduction": r, "module": name} for name, r in LEVELS.items()]
        self.num_classes = num_classes
        self.head = Head(width, num_classes, drop_rate)

    def no_weight_decay(self) -> set[str]:
        """Parameters that an optimiser should not decay, beside biases and norms: the position biases."""
        return {name for name, _ in self.named_parameters() if "position_bias" in name}
