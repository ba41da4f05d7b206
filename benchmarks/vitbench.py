"""The networks of ViT-Bench (Auto-Prox, AAAI 2024) from the columns of its two tables, as timm-shaped modules.

The tables are read from ``NAS_DATA`` and never copied; see ``../shared/data/README.md``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from timm.layers import Mlp
from timm.models.pit import PoolingVisionTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn

IMG_SIZE, CLASSES, HEAD_DIM = 224, 100, 64
TASKS = tuple(f"{data}_{how}_acc" for data in ("c100", "flower", "chaoyang") for how in ("base", "kd"))


def data_folder() -> Path:
    """Where the measurements lie: ``NAS_DATA``, or ``shared/data`` beside the project."""
    return Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data"))


def table(space: str) -> pd.DataFrame | None:
    """The table of ``autoformer`` or ``pit`` with columns ``params`` and ``macs`` added, or None if it is not there."""
    path = data_folder() / f"vitbench_{space}.csv"
    if not path.exists():
        return None
    names = {"params_nohead": "params", "block_params": "params", "macs_224": "macs", "block_macs_224": "macs"}
    return pd.read_csv(path).rename(columns=names)


def build(space: str, row: Any) -> nn.Module:
    """The network of one row of the table."""
    return autoformer(row) if space == "autoformer" else pit(row)


def numbers(text: Any) -> list[float]:
    """``"3,3,4"`` as numbers."""
    return [float(part) for part in str(text).split(",")]


def autoformer(row: Any) -> nn.Module:
    """A ViT whose blocks have heads and MLP ratios of their own; queries, keys and values are 64 x heads wide."""
    width = int(row.hidden_dim)
    model = VisionTransformer(
        img_size=IMG_SIZE, patch_size=16, embed_dim=width, depth=0, num_heads=width // HEAD_DIM or 1,
        num_classes=CLASSES, global_pool="avg", class_token=True, fc_norm=False,
    )  # fmt: skip
    shapes = zip(numbers(row.num_heads), numbers(row.mlp_ratio), strict=True)
    model.blocks = nn.Sequential(*[Block(width, int(heads), ratio) for heads, ratio in shapes])
    return model


class Block(nn.Module):
    """Pre-norm transformer block with attention of any inner width."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = WideAttention(width, heads)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.apply(_init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, C) -> (N, T, C)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class WideAttention(nn.Module):
    """Self-attention whose heads are 64 wide whatever the width of the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, inner = heads, heads * HEAD_DIM
        self.qkv, self.proj = nn.Linear(width, 3 * inner), nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, C) -> (N, T, C)."""
        n, t, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, HEAD_DIM).permute(2, 0, 3, 1, 4)
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).reshape(n, t, -1))


def _init(module: nn.Module) -> None:
    """Truncated normal 0.02 and zero biases, as ViTs are initialised."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def pit(row: Any) -> nn.Module:
    """timm's PiT: patch 16 with stride 8, three stages of width base_dim x heads."""
    depth, heads = ([int(v) for v in numbers(text)] for text in (row.depth, row.num_heads))
    return PoolingVisionTransformer(
        img_size=IMG_SIZE, patch_size=16, stride=8, base_dims=[int(row.base_dim)] * 3, depth=depth, heads=heads,
        mlp_ratio=float(row.mlp_ratio), num_classes=CLASSES,
    )  # fmt: skip
