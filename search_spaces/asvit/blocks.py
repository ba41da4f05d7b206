"""As-ViT's stages as modules: embedding or merging, then blocks; and the head.

Module paths follow the operator table: ``S1`` .. ``S4``, ``head``.
Shapes: B images, C channels, H x W maps, N = H W tokens, S x S windows of M tokens, h heads of d channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.asvit.grammar import EMBED_STRIDE, MERGE_STRIDE
from search_spaces.modules.sharing import set_blocks


def _pad(x_BCHW: Tensor, height: int, width: int) -> Tensor:
    """Zeros around a map, the odd one behind."""
    top, left = height // 2, width // 2
    return F.pad(x_BCHW, (left, width - left, top, height - top)) if height or width else x_BCHW


def _missing(side: int, extent: int, stride: int) -> int:
    """Padding that makes ceil(side / stride) windows of ``extent`` fit."""
    return max((-(-side // stride) - 1) * stride + extent - side, 0)


class TokenNorm(nn.LayerNorm):
    """Layer norm over the channels of a map: (B, C, H, W) -> the same."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalise every position."""
        return super().forward(x_BCHW.movedim(1, -1)).movedim(-1, 1)


class PatchEmbed(nn.Module):
    """Convolution with bias, then LN: (B, in_chans, H, W) -> (B, C, ceil(H / stride), ceil(W / stride)).

    The padding follows the convolution's stride and dilation, which ``asvit.tokenization`` changes while training.
    """

    def __init__(self, in_chans: int, width: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, width, kernel, EMBED_STRIDE)
        self.norm = TokenNorm(width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Embed."""
        (stride, _), (dilation, _), (kernel, _) = self.conv.stride, self.conv.dilation, self.conv.kernel_size
        extent = dilation * (kernel - 1) + 1
        missing = (_missing(side, extent, stride) for side in x_BCHW.shape[2:])
        return self.norm(self.conv(_pad(x_BCHW, *missing)))


def nested_offsets(kernel: int) -> list[tuple[int, int]]:
    """(row, column) within a K x K patch of the merging, so ordered that those of every smaller K come first.

    Patch k starts (k - 2) // 2 positions before its output's own 2 x 2 block. So the first k^2 entries are the patch
    of kernel k, and weights for a small kernel are the first ones of a larger kernel's.
    """
    before = (kernel - MERGE_STRIDE) // 2
    offsets: list[tuple[int, int]] = []
    for k in range(MERGE_STRIDE, kernel + 1):
        start = before - (k - MERGE_STRIDE) // 2
        patch = [(row, column) for row in range(start, start + k) for column in range(start, start + k)]
        offsets += [place for place in patch if place not in offsets]
    return offsets


class PatchMerging(nn.Module):
    """K x K patches of stride 2, LN over their K^2 C values, linear without bias.

    (B, C, H, W) -> (B, c_out, ceil(H / 2), ceil(W / 2)). The values of a patch stand position by position, in the
    order of :func:`nested_offsets`; the released code has them channel by channel, which is the same network.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.kernel, self.offsets = kernel, nested_offsets(kernel)
        patch = kernel**2 * c_in
        self.norm = nn.LayerNorm(patch)
        self.reduction = nn.Linear(patch, c_out, bias=False)
        positions = [c_in] * kernel**2
        for module, name, axis in ((self.norm, "weight", 0), (self.norm, "bias", 0), (self.reduction, "weight", 1)):
            set_blocks(module, name, axis, positions)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Merge."""
        height, width = (-(-side // MERGE_STRIDE) for side in x_BCHW.shape[2:])
        x_BHWC = _pad(x_BCHW, *(_missing(side, self.kernel, MERGE_STRIDE) for side in x_BCHW.shape[2:])).movedim(1, -1)
        stop_y, stop_x = MERGE_STRIDE * (height - 1) + 1, MERGE_STRIDE * (width - 1) + 1
        patches = [x_BHWC[:, y : y + stop_y : MERGE_STRIDE, x : x + stop_x : MERGE_STRIDE] for y, x in self.offsets]
        return self.reduction(self.norm(torch.cat(patches, dim=-1))).movedim(-1, 1)


class WindowAttention(nn.Module):
    """Multi-head attention within ``split`` x ``split`` windows; no shift, no position bias.

    Each head has ``width // heads`` channels, so that all of them may have fewer than ``width``. Sides that ``split``
    does not divide are padded with zeros, which are attended to.
    """

    def __init__(self, width: int, heads: int, split: int) -> None:
        super().__init__()
        self.heads, self.split = heads, split
        inner = width // heads * heads
        self.qkv = nn.Linear(width, 3 * inner)
        self.proj = nn.Linear(inner, width)
        for name in ("weight", "bias"):
            set_blocks(self.qkv, name, 0, [inner] * 3)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, C) -> the same."""
        batch, height, width, channels = x_BHWC.shape
        rows, columns = -(-height // self.split), -(-width // self.split)  # of a window
        below, right = rows * self.split - height, columns * self.split - width
        if below or right:
            x_BHWC = F.pad(x_BHWC, (0, 0, 0, right, 0, below))
        x_BSMC = x_BHWC.unflatten(2, (self.split, columns)).unflatten(1, (self.split, rows))
        x_BSMC = x_BSMC.transpose(2, 3).reshape(batch * self.split**2, rows * columns, channels)
        qkv = self.qkv(x_BSMC).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(*qkv.unbind(0)).transpose(1, 2).flatten(2)
        out = self.proj(out).view(batch, self.split, self.split, rows, columns, channels).transpose(2, 3)
        return out.reshape(batch, height + below, width + right, channels)[:, :height, :width]


class Block(nn.Module):
    """Pre-norm window attention and MLP, each with its residual: (B, H, W, C) -> the same."""

    def __init__(self, width: int, heads: int, split: int, expand: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, split)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, expand * width), nn.GELU(), nn.Linear(expand * width, width))

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """One block."""
        x_BHWC = x_BHWC + self.attention(self.attention_norm(x_BHWC))
        return x_BHWC + self.mlp(self.mlp_norm(x_BHWC))


class Stage(nn.Module):
    """``entry`` (embedding or merging), then blocks: (B, c_in, H, W) -> (B, width, H', W')."""

    def __init__(self, entry: nn.Module, width: int, *, heads: int, split: int, expand: int, depth: int) -> None:
        super().__init__()
        self.entry = entry
        self.blocks = nn.Sequential(*(Block(width, heads, split, expand) for _ in range(depth)))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The stage's map."""
        return self.blocks(self.entry(x_BCHW).movedim(1, -1)).movedim(-1, 1)


class Head(nn.Module):
    """LN, mean over tokens, linear, tanh, classifier: (B, C, H, W) -> (B, num_classes)."""

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        self.norm = TokenNorm(width)
        self.features = nn.Linear(width, width)
        self.act = nn.Tanh()
        self.drop = nn.Dropout(drop_rate)
        self.classifier: nn.Module = nn.Linear(width, num_classes) if num_classes else nn.Identity()

    def reset_classifier(self, num_classes: int, like: Tensor) -> None:
        """A fresh last layer beside ``like``'s device and precision; none for 0 classes."""
        width = self.features.out_features
        fresh = nn.Linear(width, num_classes, device=like.device, dtype=like.dtype) if num_classes else None
        if fresh is not None:
            init_linear(fresh)
        self.classifier = nn.Identity() if fresh is None else fresh

    def forward(self, x_BCHW: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits, or the classifier's input (B, C) with ``pre_logits``."""
        x_BC = self.act(self.features(self.norm(x_BCHW).mean((2, 3))))
        return x_BC if pre_logits else self.classifier(self.drop(x_BC))


INIT_STD = 0.02


def init_linear(module: nn.Module) -> None:
    """Linear layers as published: truncated normal of standard deviation 0.02, no bias. Others keep torch's default."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
