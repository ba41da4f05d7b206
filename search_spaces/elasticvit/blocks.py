"""ElasticViT's stages as modules: the stem, MBConv stages, transformer stages and the head.

Module paths follow the operator table: ``stem``, ``C1``, ``C2``, ``T1`` .. ``T4``, ``head``.
Shapes: B images, C channels, H x W maps, N = H W tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from search_spaces.elasticvit.operators import (
    FEATURES,
    HEAD_DIM,
    HEAD_EXPAND,
    REDUCTION_EXPAND,
    REDUCTION_KERNEL,
    SE_RATIO,
)
from search_spaces.modules.attention import MLP, Attention
from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.mbconv import MBConv
from search_spaces.modules.norm import JointLayerNorm
from search_spaces.modules.skeleton import Reused


class Stem(nn.Sequential):
    """3x3 convolution, then MBConvs without expansion at one width."""

    def __init__(self, in_chans: int, width: int, kernel: Sequence[int], *, stride: int = 2) -> None:
        layers = [MBConv(width, width, expand=1, kernel=k, expanded=False) for k in kernel]
        super().__init__(ConvNorm(in_chans, width, 3, stride=stride), *layers)


class ConvStage(nn.Sequential):
    """MBConvs, of which the first has the stride (rounding up) and changes the width."""

    def __init__(
        self, c_in: int, width: int, expand: Sequence[int], kernel: Sequence[int], *, se: bool, released: bool,
        stride: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(
            *(
                MBConv(
                    c_in if i == 0 else width, width, expand=e, kernel=k, stride=stride if i == 0 else 1,
                    se_ratio=SE_RATIO if se else 0, count_padding=released,
                )
                for i, (e, k) in enumerate(zip(expand, kernel, strict=True))
            )
        )  # fmt: skip


class TransformerLayer(nn.Module, metaclass=Reused):
    """Pre-norm attention and MLP, each with its residual: (B, N, C) -> (B, N, C)."""

    def __init__(self, width: int, mlp_ratio: int, v_scale: int, *, side: int, released: bool) -> None:
        super().__init__()
        norm = JointLayerNorm if released else nn.LayerNorm
        self.attention_norm = norm(width)
        self.attention = Attention(
            width, heads=width // HEAD_DIM, qk_dim=HEAD_DIM, v_dim=HEAD_DIM * v_scale, side=side, segments=released
        )
        self.mlp_norm = norm(width)
        self.mlp = MLP(width, mlp_ratio * width)

    def forward(self, x_BNC: Tensor, height: int, width: int) -> Tensor:
        """Tokens of a height x width grid."""
        x_BNC = x_BNC + self.attention(self.attention_norm(x_BNC), height, width)
        return x_BNC + self.mlp(self.mlp_norm(x_BNC))


class TransformerStage(nn.Module):
    """The reduction block (an MBConv, also where the map keeps its size), then transformer layers."""

    def __init__(
        self, c_in: int, width: int, mlp_ratio: Sequence[int], v_scale: Sequence[int], *, stride: int, side: int,
        released: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.reduction = MBConv(
            c_in, width, expand=REDUCTION_EXPAND, kernel=REDUCTION_KERNEL, stride=stride, se_ratio=SE_RATIO,
            count_padding=released,
        )  # fmt: skip
        self.layers = nn.ModuleList(
            TransformerLayer(width, m, v, side=side, released=released) for m, v in zip(mlp_ratio, v_scale, strict=True)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, width, ceil(H / stride), ceil(W / stride))."""
        x_BCHW = self.reduction(x_BCHW)
        height, width = x_BCHW.shape[2:]
        x_BNC = x_BCHW.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x_BNC = layer(x_BNC, height, width)
        return x_BNC.transpose(1, 2).unflatten(2, (height, width))


class Head(nn.Module, metaclass=Reused):
    """Linear to 6C on every token, batch norm, mean over tokens, linear to 1984, classifier; hard-swish between."""

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        inner = HEAD_EXPAND * width
        self.expand = nn.Linear(width, inner)
        self.norm = nn.BatchNorm1d(inner)
        self.expand_act = nn.Hardswish()
        self.features = nn.Linear(inner, FEATURES)
        self.features_act = nn.Hardswish()
        self.drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes, self.features.weight)

    def reset_classifier(self, num_classes: int, like: Tensor) -> None:
        """A fresh last layer beside ``like``'s device and precision; none for 0 classes."""
        linear = nn.Linear(FEATURES, num_classes, device=like.device, dtype=like.dtype) if num_classes else None
        self.classifier: nn.Module = nn.Identity() if linear is None else linear

    def forward(self, x_BCHW: Tensor, pre_logits: bool = False) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), or (B, 1984) with ``pre_logits``."""
        x_BNC = self.expand(x_BCHW.flatten(2).transpose(1, 2))
        x_BNC = self.norm(x_BNC.flatten(0, 1)).view_as(x_BNC)
        x_BF = self.features_act(self.features(self.expand_act(x_BNC).mean(1)))
        return x_BF if pre_logits else self.classifier(self.drop(x_BF))
