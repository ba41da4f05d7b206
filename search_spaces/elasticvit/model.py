"""ElasticViT as a PyTorch module, shaped like timm's (Tang et al., ICCV 2023, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from search_spaces.elasticvit.blocks import ConvStage, Head, Stem, TransformerStage
from search_spaces.elasticvit.operators import FEATURES, half
from search_spaces.modules.features import FeatureBackbone, take_indices

CONV_STAGES = (("C1", False), ("C2", True))
TRANSFORMER_STAGES = (("T1", 2), ("T2", 1), ("T3", 2), ("T4", 2))
LEVELS = {"stem": 2, "C1": 4, "C2": 8, "T2": 16, "T3": 32, "T4": 64}
"""Reduction of the last stage at each scale."""


class ElasticViTModel(nn.Module):
    """One network of the family; ``config`` is a valid structure of ``elasticvit.grammar``.

    Images may have any size: at the architecture's resolution every figure of the operator table holds exactly; at
    another, or for a rectangle, the position biases are resized bicubically to the grid at hand (fine-tune then).

    ``released=True`` gives the behaviour that weights of the released code were trained with: layer norm over tokens
    and channels together, padded zeros counted by the shortcuts' average pools, and q, k, v cut from three segments
    when this network is part of a supernet. Costs are the same. ``num_classes=0`` leaves the classifier out.
    """

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

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Give the network a fresh classifier for ``num_classes`` (0: none); the rest keeps its weights."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"ElasticViT pools by averaging ('avg'), got global_pool={global_pool!r}")
        self.num_classes = num_classes
        self.head.reset_classifier(num_classes)

    def get_classifier(self) -> nn.Module:
        """The last linear layer (an Identity where there are no classes)."""
        return self.head.classifier

    @property
    def default_cfg(self) -> dict[str, Any]:
        """What timm's data pipeline asks a model: input size, interpolation, mean, std; first and last layer."""
        return {
            "input_size": (self.in_chans, self.img_size, self.img_size), "fixed_input_size": False,
            "num_classes": self.num_classes, "interpolation": "bicubic", "crop_pct": 0.875,
            "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "first_conv": "stem.0.conv",
            "classifier": "head.classifier", "architecture": "elasticvit",
        }  # fmt: skip

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """The same as :attr:`default_cfg`: no trained weights were released that could be had."""
        return self.default_cfg

    def no_weight_decay(self) -> set[str]:
        """Parameters that an optimiser should not decay, beside biases and norms: the position biases."""
        return {name for name, _ in self.named_parameters() if "position_bias" in name}

    def _stages(self) -> dict[str, nn.Module]:
        return {name: module for name, module in self.named_children() if name != "head"}

    def forward_features(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> the last map (B, num_features, ceil(H / 64), ceil(W / 64))."""
        for stage in self._stages().values():
            x_BCHW = stage(x_BCHW)
        return x_BCHW

    def forward_head(self, x_BCHW: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map -> logits (B, num_classes), or pooled features (B, 1984) with ``pre_logits``."""
        return self.head(x_BCHW, pre_logits)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes)."""
        return self.forward_head(self.forward_features(x_BCHW))

    def forward_intermediates(
        self, x: Tensor, indices: int | Sequence[int] | None = None, norm: bool = False, stop_early: bool = False,
        output_fmt: str = "NCHW", intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Feature maps by level, in timm's signature: all for None, the last n for an integer.

        Returns the maps, with the last stage's output before them unless ``intermediates_only``. ``norm`` is accepted
        and has no effect: the network has no final norm before its head.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be 'NCHW', got {output_fmt!r}")
        wanted = [list(LEVELS)[i] for i in take_indices(len(LEVELS), indices)]
        maps = []
        for name, stage in self._stages().items():
            x = stage(x)
            if name in wanted:
                maps.append(x)
            if stop_early and len(maps) == len(wanted):
                break
        return maps if intermediates_only else (x, maps)

    def features(self, out_indices: Sequence[int] | None = None) -> FeatureBackbone:
        """This network (the same weights) as a backbone returning maps at reductions 2, 4, 8, 16, 32, 64.

        ``out_indices`` chooses among the six; stages behind the last are left out, as is the head.
        """
        return FeatureBackbone(self._stages(), self.feature_info, out_indices)


def __getattr__(name: str) -> Any:
    if name == "ElasticViTSupernet":  # supernet.py imports this module
        from search_spaces.elasticvit.supernet import ElasticViTSupernet

        return ElasticViTSupernet
    raise AttributeError(name)
