"""ViT-ResNAS as a PyTorch module, shaped like timm's (Liao et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from search_spaces.modules.tokens import Head, PatchEmbedding, TokenModel
from search_spaces.modules.vit import Block, Blocks, init_weights
from search_spaces.vit_resnas.blocks import EPS, SpatialReduction, patches
from search_spaces.vit_resnas.grammar import present, sides


class VitResNASModel(TokenModel):
    """One network of the family; ``config`` is a valid structure of ``vit_resnas.grammar``.

    The class token goes through every stage and is what the classifier reads. ``patch_head=True`` adds the classifier
    that the authors train on every patch beside it (:meth:`forward_patches`); it is no part of the deployed network,
    nor of the operator table. Images may have any size: at the architecture's resolution every figure of the table
    holds exactly; at another the position embeddings are resized bicubically.
    """

    architecture_name = "vit_resnas"

    def __init__(
        self, config: Mapping[str, Any], *, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.0,
        drop_path_rate: float = 0.0, patch_head: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config = dict(config)
        self.in_chans, self.img_size, self.num_classes = in_chans, int(config["resolution"]), num_classes
        self.first_conv = f"patch_embed.project{'' if config['mid'] is None else '.stem.conv'}"
        width, edges, patch = config["stages"][0]["embed_dim"], sides(config), config["patch_size"]
        self.patch_embed = PatchEmbedding(patches(in_chans, width, config["mid"], patch), width, edges[0])
        depth = max(sum(len(s["blocks"]) for s in config["stages"]) - 1, 1)
        self.feature_info, done = [], 0
        for i, (stage, side) in enumerate(zip(config["stages"], edges, strict=True), start=1):
            if i > 1:
                self.add_module(f"R{i - 1}", SpatialReduction(width, stage["embed_dim"], side))
            width = stage["embed_dim"]
            blocks = {
                name: Block(
                    width, b["heads"], b["head_dim"], b["mlp"], eps=EPS,
                    drop_path=drop_path_rate * (done + int(name)) / depth,
                )
                for name, b in present(stage).items()
            }  # fmt: skip
            self.add_module(f"S{i}", Blocks(blocks))
            done += len(stage["blocks"])
            self.feature_info.append({"num_chs": width, "reduction": patch * 2 ** (i - 1), "module": f"S{i}"})
        self.num_features = self.head_hidden_size = width
        self.head = Head(width, num_classes, pool="token", eps=EPS, drop_rate=drop_rate)
        if patch_head:
            self.head.add_module("patches", nn.Linear(width, num_classes))
        self.apply(init_weights)

    def forward_patches(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the image (B, num_classes) and of every patch (B, N - 1, num_classes), for training."""
        x_BNC = self.head.norm(self.forward_features(x_BCHW))
        return self.head.classifier(self.head.drop(x_BNC[:, 0])), self.head.get_submodule("patches")(x_BNC[:, 1:])
