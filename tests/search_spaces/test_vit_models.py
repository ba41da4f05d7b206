"""AutoFormer's and ViT-ResNAS's modules: relative positions, attention, and how they nest in supernets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from search_spaces import Architecture, SearchSpace, SpaceError, get_space
from search_spaces.modules.relative_position import RelativePosition, offsets
from search_spaces.modules.vit import Attention, DropPath
from search_spaces.testing import randomise
from search_spaces.vit_resnas.model import VitResNASModel

SPACES = ("autoformer", "vit_resnas")
SIDE = 56
AUTOFORMER = {"resolution": 32, "patch_size": 8, "head_dim": 8, "embed_dim": 24, "heads": [1, 3], "mlp_ratio": [2, 3.5]}
BLOCK = {"heads": 2, "head_dim": 8, "mlp": 40}
VIT_RESNAS = {
    "resolution": 32, "patch_size": 8, "mid": 8,
    "stages": [{"embed_dim": 16, "blocks": [BLOCK, None]}, {"embed_dim": 32, "blocks": [BLOCK, BLOCK]}],
}  # fmt: skip
CONFIGS: dict[str, Any] = {"autoformer": AUTOFORMER, "vit_resnas": VIT_RESNAS}


def space_of(name: str) -> SearchSpace:
    return get_space(name, num_classes=5, in_chans=1)


def tiny(name: str) -> tuple[SearchSpace, Architecture, Any]:
    """A very small network off the grid, with random vectors so that no bias is zero."""
    space = space_of(name)
    architecture = space.architecture(CONFIGS[name])
    torch.manual_seed(0)
    model = space.model(architecture)
    randomise(model, torch.Generator().manual_seed(0))
    return space, architecture, model.eval()


def images(batch: int = 2, side: int = 32, seed: int = 0) -> Tensor:
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", SPACES)
def test_the_last_map_is_the_tokens_without_the_class_token(name: str) -> None:
    _, _, model = tiny(name)
    with torch.no_grad():
        tokens, some = model.forward_intermediates(images(1), indices=1)
    assert torch.equal(tokens[:, 1:].transpose(1, 2).flatten(), some[0].flatten())


def test_relative_position_is_the_sum_over_pairs() -> None:
    """Products with the tables equal the definition: one embedding per pair of tokens."""
    torch.manual_seed(0)
    position, height, width = RelativePosition(4), 17, 3  # taller than the clip
    rows = offsets(height, width, torch.device("cpu"))
    pairs = position.vertical[rows[0]] + position.horizontal[rows[1]]
    n = height * width + 1
    q, weights = torch.randn(2, 3, n, 4), torch.randn(2, 3, n, n).softmax(-1)
    assert torch.allclose(position.of_queries(q, rows), torch.einsum("bhid,ijd->bhij", q, pairs), atol=1e-6)
    assert torch.allclose(position.of_weights(weights, rows), torch.einsum("bhij,ijd->bhid", weights, pairs), atol=1e-6)
    assert rows[0, 1, -1] == 29, "a patch 16 rows below, clipped to 14"
    assert rows[0, -1, 1] == 1, "a patch 16 rows above"
    assert not rows[:, 0].any(), "the class token has a row of its own"
    assert not rows[:, :, 0].any()


def test_attention_is_ordinary_without_relative_positions() -> None:
    """The head-by-head layout computes softmax(q k^T / sqrt d) v, and zero tables change nothing."""
    torch.manual_seed(0)
    attention: Any = Attention(6, 2, 4, relative=True)
    x = torch.randn(2, 5, 6)
    q, k, v = attention.qkv(x).view(2, 5, 2, 3, 4).unbind(3)
    weights = (torch.einsum("bihd,bjhd->bhij", q, k) / 2).softmax(-1)
    expected = attention.proj(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2))
    assert torch.allclose(attention(x), expected, atol=1e-6)
    with torch.no_grad():
        for table in (*attention.relative_k.parameters(), *attention.relative_v.parameters()):
            table.zero_()
    assert torch.allclose(attention(x, offsets(2, 2, x.device)), expected, atol=1e-6)


@pytest.mark.parametrize("name", SPACES)
def test_a_smaller_network_is_a_corner_of_the_supernet(name: str) -> None:
    """First channels, first heads with their q, k and v (weights and biases alike), blocks in their places."""
    space = get_space(name, num_classes=5, in_chans=1, img_size=32 if name == "autoformer" else 28)
    supernet: Any = space.supernet()
    randomise(supernet, torch.Generator().manual_seed(0))
    genome = space.cardinalities - 1
    small: Any = supernet.extract(space.decode(space.repair(np.zeros_like(genome)[None].astype(np.uint8))[0]))
    path = "blocks.3" if name == "autoformer" else "S2.2"
    whole, part = supernet.full.get_submodule(path).attention, small.get_submodule(path).attention
    rows, columns = part.qkv.weight.shape
    assert rows == 3 * part.heads * part.head_dim < whole.qkv.weight.shape[0]
    assert torch.equal(part.qkv.weight, whole.qkv.weight[:rows, :columns])
    assert torch.equal(part.qkv.bias, whole.qkv.bias[:rows])
    assert torch.equal(part.proj.weight, whole.proj.weight[:columns, : rows // 3])
    assert torch.equal(
        small.patch_embed.position.table, supernet.full.patch_embed.position.table[:, : small_width(small)]
    )
    if name == "vit_resnas":
        assert list(small.S2) == ["0", "2", "4"]


def small_width(model: Any) -> int:
    return int(model.patch_embed.class_token.shape[1])


TOO_LARGE: dict[str, Any] = {
    "autoformer": lambda _: [
        ({"embed_dim": 241}, "embed_dim"), ({"heads": [5] * 14}, "heads"), ({"head_dim": 32}, "head_dim"),
        ({"resolution": 256}, "resolution"), ({"mlp_ratio": [5] * 14}, "hidden width"),
    ],
    "vit_resnas": lambda stages: [
        ({"stages": [*stages[:2], {**stages[2], "embed_dim": 1025}]}, "embed_dim"), ({"mid": 32}, "mid"),
        ({"stages": [*stages[:2], {**stages[2], "blocks": [BLOCK]}]}, "head_dim"), ({"resolution": 238}, "resolution"),
        ({"stages": stages[:2]}, "stages"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_supernet_refuses_what_does_not_fit(name: str) -> None:
    """By the name of the first size that is too large, or of what differs in kind."""
    space = space_of(name)
    with torch.device("meta"):
        supernet: Any = space.supernet()
    config = space.decode(space.cardinalities - 1).config
    for change, named in TOO_LARGE[name](config.get("stages", [])):
        with pytest.raises(SpaceError, match=named):
            supernet.activate(space.architecture({**config, **change}))


def test_patch_head_exists_in_training_only() -> None:
    """Its parameters are the published difference; it classifies every patch of the last stage."""
    space = space_of("vit_resnas")
    config = space.architecture(VIT_RESNAS).config
    plain, trained = (VitResNASModel(config, num_classes=5, in_chans=1, patch_head=p) for p in (False, True))
    extra = sum(p.numel() for p in trained.parameters()) - sum(p.numel() for p in plain.parameters())
    assert (
        extra
        == (space.paper_params(space.architecture(config)) or 0) - space.operators(space.architecture(config)).params[0]
    )
    trained.eval()
    logits, patches = trained.forward_patches(images())
    assert patches.shape == (2, 4, 5)
    assert torch.equal(logits, trained(images()))


def test_drop_path_keeps_the_mean() -> None:
    """Whole images are dropped, in training only, and the rest scaled up."""
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 3)
    assert torch.equal(drop.eval()(x), x)
    out = drop.train()(x)
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert abs(float(out.mean()) - 1) < 0.05
    assert torch.equal(out.amax((1, 2)), out.amin((1, 2)))
