"""ElasticViT as a PyTorch module, shaped like timm's (Tang et al., ICCV 2023, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.elasticvit.blocks import ConvStage, Head, Stem, TransformerStage
from search_spaces.elasticvit.grids import CONV_NAMES, CONV_SE, PUBLISHED_STRIDES, TRANSFORMER_NAMES, Strides
from search_spaces.elasticvit.operators import FEATURES, half
from search_spaces.modules.staged import StagedModel


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
        released: bool = False, strides: Strides = PUBLISHED_STRIDES,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config, self.released = dict(config), released
        self.in_chans, self.img_size = in_chans, int(config["resolution"])
        self.stem = Stem(in_chans, **config["stem"], stride=strides.stem)
        width = config["stem"]["width"]
        widths, scales = {"stem": width}, strides.reductions
        for name, se, stride, stage in zip(CONV_NAMES, CONV_SE, strides.conv, config["conv_stages"], strict=True):
            self.add_module(name, ConvStage(width, **stage, se=se, released=released, stride=stride))
            width = widths[name] = stage["width"]
        stages = zip(TRANSFORMER_NAMES, strides.transformer, config["transformer_stages"], strict=True)
        for name, stride, stage in stages:
            side = half(self.img_size, scales[name])
            self.add_module(name, TransformerStage(width, **stage, stride=stride, side=int(side), released=released))
            width = widths[name] = stage["width"]
        self.num_features, self.head_hidden_size = width, FEATURES
        last = {reduction: name for name, reduction in scales.items()}  # the last stage at each scale
        self.feature_info = [{"num_chs": widths[name], "reduction": r, "module": name} for r, name in last.items()]
        self.num_classes = num_classes
        self.head = Head(width, num_classes, drop_rate)

    def no_weight_decay(self) -> set[str]:
        """Parameters that an optimiser should not decay, beside biases and norms: the position biases."""
        return {name for name, _ in self.named_parameters() if "position_bias" in name}
