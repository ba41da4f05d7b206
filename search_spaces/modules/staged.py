"""StagedModel: timm's shape for a network that is a chain of stages and a head.

A subclass's ``__init__`` registers the stages as children in order, then ``head`` (with ``classifier``), and sets
``config``, ``in_chans``, ``img_size``, ``num_classes``, ``num_features`` and ``feature_info`` (timm's list of
``num_chs``, ``reduction``, ``module``, one entry per scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from search_spaces.modules.features import FeatureBackbone, take_indices


class StagedModel(nn.Module):
    """See the module's docstring. Shapes: B images, C channels, H x W pixels."""

    architecture_name: ClassVar[str]

    first_conv: str
    """Path of the first convolution, as timm's data pipeline asks for it."""
    config: dict[str, Any]
    in_chans: int
    img_size: int
    num_classes: int
    num_features: int
    feature_info: list[dict[str, Any]]
    head: Any

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Give the network a fresh classifier for ``num_classes`` (0: none); the rest keeps its weights."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"{self.architecture_name} pools by averaging ('avg'), got global_pool={global_pool!r}")
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
            "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "first_conv": self.first_conv,
            "classifier": "head.classifier", "architecture": self.architecture_name,
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
        """The last map -> logits (B, num_classes), or the classifier's input with ``pre_logits``."""
        return self.head(x_BCHW, pre_logits)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes)."""
        return self.forward_head(self.forward_features(x_BCHW))

    def forward_intermediates(
        self, x: Tensor, indices: int | Sequence[int] | None = None, norm: bool = False, stop_early: bool = False,
        output_fmt: str = "NCHW", intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Feature maps by scale, in timm's signature: all for None, the last n for an integer.

        Returns the maps, with the last stage's output before them unless ``intermediates_only``. ``norm`` is accepted
        and has no effect: there is no final norm before the head.
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
        """This network (the same weights) as a backbone returning one map per scale; see ``feature_info``.

        ``out_indices`` chooses among the scales; stages behind the last are left out, as is the head.
        """
        return FeatureBackbone(self._stages(), self.feature_info, out_indices)
