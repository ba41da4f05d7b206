"""How each family of timm models is cut into an embedding, blocks by stage, transitions between stages, and a tail.

Plain data and a few functions per family; adding a family is adding one entry to :data:`FAMILIES`. Paths of modules say
where the parts lie, so that operator tables are cut without building a model twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

Layout = Literal["tokens", "map", "grid"]
"""Shape of features between blocks: (B, N, C), (B, C, H, W) or (B, H, W, C)."""


@dataclass(frozen=True)
class Family:
    """A family's anatomy.

    ``block`` and ``transition`` are patterns of module paths with groups ``s`` (stage, from ``first``) and ``b``.
    ``embed`` and ``tail`` name the direct children and parameters that these parts need; ``run_embed`` and
    ``run_features`` are their forward passes. ``stitched`` picks the stages that the papers stitch.
    """

    name: str
    classes: tuple[str, ...]
    layout: Layout
    block: re.Pattern[str]
    transition: re.Pattern[str] | None
    first: int
    embed: tuple[str, ...]
    tail: tuple[str, ...]
    run_embed: Callable[[Any, Tensor], Tensor]
    run_features: Callable[[Any, Tensor], Tensor]
    stitched: Callable[[int], tuple[int, ...]]
    crossing: bool = False

    def place(self, path: str) -> tuple[str, int, int] | None:
        """``("block", stage, block)`` or ``("entry", stage, 0)`` of a module path; None elsewhere."""
        if match := self.block.match(path):
            groups = match.groupdict()
            return "block", int(groups.get("s") or self.first) - self.first, int(groups["b"])
        if self.transition is not None and (match := self.transition.match(path)):
            return "entry", int(match["s"]) - self.first, 0
        return None

    def blocks(self, anchor: nn.Module) -> list[list[nn.Module]]:
        """The blocks of each stage."""
        return [list(entry) for _, entry in self._stages(anchor)]

    def entries(self, anchor: nn.Module) -> list[nn.Module | None]:
        """The transition into each stage, None where there is none."""
        return [stage.downsample if self.transition is not None else None for stage, _ in self._stages(anchor)]

    def _stages(self, anchor: Any) -> list[tuple[Any, Any]]:
        if self.name == "vit":
            return [(anchor, anchor.blocks)]
        if self.name == "resnet":
            layers = [anchor.layer1, anchor.layer2, anchor.layer3, anchor.layer4]
            return [(layer, layer) for layer in layers]
        stages = anchor.layers if self.name == "swin" else anchor.stages
        return [(stage, stage.blocks) for stage in stages]


def _embed_vit(anchor: Any, x: Tensor) -> Tensor:
    x = anchor._pos_embed(anchor.patch_embed(x))
    return anchor.norm_pre(anchor.patch_drop(x))  # type: ignore[no-any-return]


def _embed_levit(anchor: Any, x: Tensor) -> Tensor:
    x = anchor.stem(x)
    return x if anchor.use_conv else x.flatten(2).transpose(1, 2)


def _embed_resnet(anchor: Any, x: Tensor) -> Tensor:
    return anchor.maxpool(anchor.act1(anchor.bn1(anchor.conv1(x))))  # type: ignore[no-any-return]


def _normed(anchor: Any, x: Tensor) -> Tensor:
    return anchor.norm(x)  # type: ignore[no-any-return]


def _as_is(anchor: Any, x: Tensor) -> Tensor:
    return x


def _but_last(stages: int) -> tuple[int, ...]:
    return tuple(range(stages - 1))


def _inner(stages: int) -> tuple[int, ...]:
    return tuple(range(1, stages - 1))


FAMILIES: Mapping[str, Family] = {
    f.name: f
    for f in (
        Family(
            "vit", ("VisionTransformer", "VisionTransformerDistilled"), "tokens",
            re.compile(r"blocks\.(?P<b>\d+)(\.|$)"), None, 0,
            ("patch_embed", "pos_drop", "patch_drop", "norm_pre", "cls_token", "dist_token", "reg_token",
             "pos_embed"),
            ("norm", "attn_pool", "fc_norm", "head_drop", "head", "head_dist"), _embed_vit, _normed,
            lambda stages: (0,), True,
        ),
        Family(
            "swin", ("SwinTransformer",), "grid", re.compile(r"layers\.(?P<s>\d+)\.blocks\.(?P<b>\d+)(\.|$)"),
            re.compile(r"layers\.(?P<s>\d+)\.downsample(\.|$)"), 0, ("patch_embed",), ("norm", "head"),
            lambda anchor, x: anchor.patch_embed(x), _normed, _but_last,
        ),
        Family(
            "levit", ("Levit", "LevitDistilled"), "tokens",
            re.compile(r"stages\.(?P<s>\d+)\.blocks\.(?P<b>\d+)(\.|$)"),
            re.compile(r"stages\.(?P<s>\d+)\.downsample(\.|$)"), 0, ("stem",), ("head", "head_dist"), _embed_levit,
            _as_is, _but_last,
        ),
        Family(
            "resnet", ("ResNet",), "map", re.compile(r"layer(?P<s>\d)\.(?P<b>\d+)(\.|$)"), None, 1,
            ("conv1", "bn1", "act1", "maxpool"), ("global_pool", "fc"), _embed_resnet, _as_is, _inner,
        ),
    )
}  # fmt: skip


LEVIT_CONV = replace(FAMILIES["levit"], name="levit_conv", layout="map")
"""The same networks written with 1x1 convolutions: features are maps."""


def family_of(model: nn.Module) -> Family | None:
    """The family of a model, None where its class is not supported."""
    found = next((f for f in FAMILIES.values() if type(model).__name__ in f.classes), None)
    return LEVIT_CONV if found is FAMILIES["levit"] and getattr(model, "use_conv", False) else found
