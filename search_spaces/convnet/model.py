"""A staged CNN as a PyTorch module, shaped like timm's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from search_spaces.convnet.blocks import Head, Stage
from search_spaces.convnet.grammar import ends_scale, stage_names
from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.features import FeatureBackbone, take_indices


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


class ConvNetModel(nn.Module):
    """One network of the family; ``config`` is a valid structure of ``convnet.grammar``.

    Images may have any size; at the architecture's resolution every figure of the operator table holds exactly.
    ``num_classes=0`` leaves the classifier out.
    """

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

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Give the network a fresh classifier for ``num_classes`` (0: none); the rest keeps its weights."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"ConvNet pools by averaging ('avg'), got global_pool={global_pool!r}")
        self.num_classes = num_classes
        self.head.reset_classifier(num_classes, next(self.parameters()))

    def get_classifier(self) -> nn.Module:
        """The last linear layer (an Identity where there are no classes)."""
        return self.head.classifier

    @property
    def default_cfg(self) -> dict[str, Any]:
        """What timm's data pipeline asks a model: input size, interpolation, mean, std; first and last layer."""
        return {
            "input_size": (self.in_chans, self.img_size, self.img_size), "fixed_input_size": False,
            "num_classes": self.num_classes, "interpolation": "bicubic", "crop_pct": 0.875,
            "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "first_conv": "stem.conv",
            "classifier": "head.classifier", "architecture": "convnet",
        }  # fmt: skip

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """The same as :attr:`default_cfg`: there are no trained weights."""
        return self.default_cfg

    def _stages(self) -> dict[str, nn.Module]:
        return {name: module for name, module in self.named_children() if name != "head"}

    def forward_features(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> the last map (B, num_features, H', W')."""
        for stage in self._stages().values():
            x_BCHW = stage(x_BCHW)
        return x_BCHW

    def forward_head(self, x_BCHW: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map -> logits (B, num_classes), or pooled features (B, num_features) with ``pre_logits``."""
        return self.head(x_BCHW, pre_logits)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes)."""
        return self.forward_head(self.forward_features(x_BCHW))

    def forward_intermediates(
        self, x: Tensor, indices: int | Sequence[int] | None = None, norm: bool = False, stop_early: bool = False,
        output_fmt: str = "NCHW", intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Feature maps by level, in timm's signature: all for None, the last n for an integer.

        Returns the maps, with the last stage's output before them unless ``intermediates_only``; ``norm`` has no
        effect, since there is no final norm.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be 'NCHW', got {output_fmt!r}")
        wanted = [self.feature_info[i]["module"] for i in take_indices(len(self.feature_info), indices)]
        maps = []
        for name, stage in self._stages().items():
            x = stage(x)
            if name in wanted:
                maps.append(x)
            if stop_early and len(maps) == len(wanted):
                break
        return maps if intermediates_only else (x, maps)

    def features(self, out_indices: Sequence[int] | None = None) -> FeatureBackbone:
        """This network (the same weights) as a backbone returning one map per scale; see ``feature_info``."""
        return FeatureBackbone(self._stages(), self.feature_info, out_indices)
