"""SoFT: all exits in one forward pass give the losses and gradients of a pass for each."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nas.training.data import Data
from nas.training.samplers.nested import AllExits, exits
from nas.training.samplers.plan import Item, Moment
from nas.training.step import Images, run_items
from search_spaces import SearchSpace, get_space
from search_spaces.errors import SpaceError
from search_spaces.modules.exits import find_exits

VIT = "vit_tiny_patch16_224?depth=3&embed_dim=32&num_heads=2&patch_size=8"
NESTED: dict[str, dict[str, Any]] = {
    "autoformer-small": {},
    "sorted_net": {"model": VIT, "img_size": 32, "submodels": 8},
}
NOT_NESTED = ("elasticvit-small", "vit_resnas-small")


def made(name: str, **options: Any) -> tuple[SearchSpace, Any]:
    torch.manual_seed(0)
    space = get_space(name, num_classes=3, in_chans=1, **options)
    supernet: Any = space.supernet()
    for parameter in supernet.parameters():
        nn.init.normal_(parameter, std=0.1)
    return space, supernet.train()


def step(supernet: Any, items: list[Item], side: int) -> tuple[float, list[torch.Tensor], dict[str, torch.Tensor]]:
    """(loss, logits, gradients) of one step on the same images."""
    generator = torch.Generator().manual_seed(1)
    x, labels = torch.randn(6, 1, side, side, generator=generator), torch.arange(6) % 3
    supernet.zero_grad(set_to_none=True)
    loss, logits = run_items(supernet, items, Images(x, labels, x, labels), 0.1, 0, lambda t: t, nullcontext())
    return loss, logits, {n: p.grad.clone() for n, p in supernet.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("side", [32, 28])
def test_one_pass_gives_what_separate_passes_give(name: str, side: int) -> None:
    if name == "sorted_net" and side != 32:
        pytest.skip("the network takes one size")
    space, supernet = made(name, **NESTED[name])
    together = AllExits(space).plan(Moment(0, 1, 1), np.random.default_rng(0))
    assert len(together) >= 2
    assert supernet.forward_exits(torch.randn(1, 1, side, side), [i.architecture for i in together]) is not None
    loss, logits, gradients = step(supernet, together, side)
    apart = [replace(item, exit=False) for item in together]
    expected, expected_logits, expected_gradients = step(supernet, apart, side)
    assert loss == pytest.approx(expected, rel=1e-5)
    for one, other in zip(logits, expected_logits, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert gradients.keys() == expected_gradients.keys() == {n for n, _ in supernet.named_parameters()}
    for path, gradient in gradients.items():
        assert torch.allclose(gradient, expected_gradients[path], atol=1e-5, rtol=1e-4), path


def test_every_block_runs_once() -> None:
    space, supernet = made("autoformer-small")
    found = exits(space)
    calls: list[str] = []
    supernet.activate(found[-1])
    for path, module in supernet._kept[found[-1]].module.blocks.named_children():
        module.attention.register_forward_hook(lambda m, given, out, path=path: calls.append(path))
    assert supernet.forward_exits(torch.randn(2, 1, 32, 32), found) is not None
    assert calls == [str(i) for i in range(len(calls))]
    assert len(calls) == max(space.choices[space.gene_index["depth"]].values)


@pytest.mark.parametrize("name", NOT_NESTED)
def test_exits_of_several_stages_share_no_pass(name: str) -> None:
    space, supernet = made(name)
    assert supernet.forward_exits(torch.randn(2, 1, 32, 32), exits(space)) is None


def test_a_step_of_exits_that_share_no_pass_is_one_pass_each(elastic: SearchSpace) -> None:
    _, supernet = made("elasticvit-small")
    items = AllExits(elastic).plan(Moment(0, 1, 1), np.random.default_rng(0))
    loss, logits, gradients = step(supernet, items, 32)
    assert len(logits) == len(items)
    assert loss > 0
    assert gradients


class Stack(nn.Module):
    """Blocks in a list, run forwards or, against the order of their names, backwards."""

    def __init__(self, widths: list[int], backwards: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, w) for w in widths])
        self.head = nn.Linear(4, 2)
        self.backwards = backwards

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in reversed(self.blocks) if self.backwards else self.blocks:
            x = block(x)
        return self.head(x)  # type: ignore[no-any-return]


def test_what_counts_as_an_exit() -> None:
    found = find_exits([Stack([4]), Stack([4, 4]), Stack([4, 4, 4])])
    assert found is not None
    assert (found.stage, found.kept) == ("blocks", (1, 2, 3))
    assert find_exits([Stack([4, 4]), Stack([4, 8, 4])]) is None
    assert find_exits([Stack([4, 4, 4])]) is None
    middle = Stack([4, 4, 4])
    middle.blocks[1] = nn.Identity()
    assert find_exits([middle, Stack([4, 4, 4])]) is None
    headless = Stack([4, 4])
    headless.head = nn.Identity()  # type: ignore[assignment]
    assert find_exits([headless, Stack([4, 4, 4])]) is None


def test_blocks_in_another_order_are_refused() -> None:
    from search_spaces.modules.exits import kept_blocks, recorded

    deep = Stack([4, 4, 4], backwards=True)
    exits_ = find_exits([Stack([4], backwards=True), deep])
    assert exits_ is not None
    with pytest.raises(SpaceError, match="one after another"), recorded(kept_blocks(deep, exits_, 3)):
        deep(torch.randn(1, 4))


def test_training_with_exits_learns(space: SearchSpace, data: Data) -> None:
    from nas.training.settings import Settings
    from nas.training.trainer import Progress, Trainer

    torch.manual_seed(0)
    run = Trainer(space.supernet(), data, Settings(epochs=1, batch=16, precision="bf16"), AllExits(space))
    found: list[Progress] = []
    run.run(found.append, until=2)
    assert [len(p.subnets) for p in found] == [len(exits(space))] * 2
