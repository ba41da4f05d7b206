"""AutoFormer as a PyTorch module, shaped like timm's (Chen et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from search_spaces.autoformer.grammar import hidden_widths, side
from search_spaces.modules.tokens import Head, PatchEmbedding, TokenModel
from search_spaces.modules.vit import Block, Blocks, init_weights

EPS = 1e-5


class AutoFormerModel(TokenModel):
    """One network of the family; ``config`` is a valid structure of ``autoformer.grammar``.

    A class token takes part in attention, but the classifier reads the mean of the patches, as published. Images may
    have any size of whole patches: at the architecture's resolution every figure of the operator table holds exactly;
    at another the position embedding is resized bicubically. ``num_classes=0`` leaves the classifier out.
    """

    architecture_name = "autoformer"
    first_conv = "patch_embed.project"
    pool = "avg"

    def __init__(
        self, config: Mapping[str, Any], *, num_classes: int = 1000, in_chans: int = 3, relative_position: bool = True,
        drop_rate: float = 0.0, drop_path_rate: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config = dict(config)
        self.in_chans, self.img_size, self.num_classes = in_chans, int(config["resolution"]), num_classes
        width, patch, depth = config["embed_dim"], config["patch_size"], len(config["heads"])
        self.patch_embed = PatchEmbedding(nn.Conv2d(in_chans, width, patch, patch), width, side(config))
        blocks = {
            str(i): Block(
                width, heads, config["head_dim"], hidden, eps=EPS, relative=relative_position,
                drop_path=drop_path_rate * i / max(depth - 1, 1),
            )
            for i, (heads, hidden) in enumerate(zip(config["heads"], hidden_widths(config), strict=True))
        }  # fmt: skip
        self.blocks = Blocks(blocks, relative=relative_position)
        self.num_features = self.head_hidden_size = width
        self.feature_info = [{"num_chs": width, "reduction": patch, "module": "blocks"}]
        self.head = Head(width, num_classes, pool=self.pool, eps=EPS, drop_rate=drop_rate)
        self.apply(init_weights)
