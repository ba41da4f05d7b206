"""As-ViT as a PyTorch module, shaped like timm's (Chen et al., ICLR 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from search_spaces.asvit.blocks import Head, PatchEmbed, PatchMerging, Stage, init_linear
from search_spaces.asvit.grammar import EMBED_STRIDE, MERGE_STRIDE, stage_heads, stage_widths
from search_spaces.asvit.operators import STAGE_NAMES
from search_spaces.modules.staged import StagedModel


class AsViTModel(StagedModel):
    """One network of the family; ``config`` is a valid structure of ``asvit.grammar``.

    Images may have any size (there are no position embeddings): every stage keeps its number of windows, padded where
    it does not divide the map. At the architecture's resolution every figure of the operator table holds exactly.
    ``num_classes=0`` leaves the classifier out.
    """

    architecture_name = "asvit"
    first_conv = "S1.entry.conv"

    def __init__(
        self, config: Mapping[str, Any], *, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.config = dict(config)
        self.in_chans, self.img_size, self.num_classes = in_chans, int(config["resolution"]), num_classes
        widths, heads = stage_widths(config["width"]), stage_heads(config["heads"])
        for t, (name, stage) in enumerate(zip(STAGE_NAMES, config["stages"], strict=True)):
            kernel, blocks = stage["kernel"], {key: stage[key] for key in ("split", "expand", "depth")}
            entry = PatchMerging(widths[t - 1], widths[t], kernel) if t else PatchEmbed(in_chans, widths[0], kernel)
            self.add_module(name, Stage(entry, widths[t], heads=heads[t], **blocks))
        self.feature_info = [
            {"num_chs": width, "reduction": EMBED_STRIDE * MERGE_STRIDE**t, "module": name}
            for t, (name, width) in enumerate(zip(STAGE_NAMES, widths, strict=True))
        ]
        self.num_features = self.head_hidden_size = widths[-1]
        self.head = Head(widths[-1], num_classes, drop_rate)
        self.apply(init_linear)

    def pooled_features(self, x_BCHW: Tensor) -> Tensor:
        """z of the paper's proxies: the mean over tokens *before* the final LN, (B, in_chans, H, W) -> (B, 8 C)."""
        return self.forward_features(x_BCHW).mean((2, 3))
