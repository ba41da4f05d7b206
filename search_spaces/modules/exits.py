"""Exits: networks that are the first blocks of a deeper one and all that follows the blocks, in one forward pass.

So Sorted LLaMA's SoFT (arXiv 2309.08968, section 3) trains every depth at once: the blocks are run once, and what
follows them (norm, classifier) once for each exit. Works where exits differ in the last blocks of one stage only; where
cutting a stage changes what a later stage is given, there is nothing to share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from search_spaces.errors import SpaceError


@dataclass(frozen=True)
class Exits:
    """``stage``: path of the module whose children are the blocks; ``kept``: how many each exit keeps, ascending."""

    stage: str
    kept: tuple[int, ...]


def find_exits(modules: Sequence[nn.Module]) -> Exits | None:
    """How ``modules`` are exits of the last of them, None where they are not.

    All must keep the sizes of the last one's layers and miss nothing but its last blocks.
    """
    deep, found = modules[-1], []
    for module in modules[:-1]:
        gone = _gone(deep, module)
        stages = {path.rpartition(".")[0] for path in gone}
        if len(stages) != 1:
            return None
        found.append((stages.pop(), gone))
    if not found or len({stage for stage, _ in found}) != 1:
        return None
    stage = found[0][0]
    names = [f"{stage}.{name}" for name in _blocks(deep, stage)]
    kept = [len(names) - len(gone) for _, gone in found]
    nested = all(gone == set(names[n:]) for n, (_, gone) in zip(kept, found, strict=True))
    return Exits(stage, (*kept, len(names))) if nested and min(kept) > 0 else None


def _gone(deep: nn.Module, module: nn.Module) -> set[str]:
    """Topmost modules of ``deep`` that ``module`` has not; ``{""}`` where a layer of both differs in size."""
    whole, part = _shapes(deep), _shapes(module)
    if any(whole.get(name) != shape for name, shape in part.items()):
        return {""}
    return {_topmost(name, part) for name in whole if name not in part}


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in module.named_parameters(remove_duplicate=False)}


def _topmost(name: str, kept: dict[str, tuple[int, ...]]) -> str:
    """The shortest path above the parameter ``name`` below which nothing is kept."""
    parts = name.split(".")
    paths = (".".join(parts[:n]) for n in range(1, len(parts)))
    return next((p for p in paths if not any(k.startswith(p + ".") for k in kept)), "")


def _blocks(module: nn.Module, stage: str) -> list[str]:
    """Names of the stage's children that have parameters, in order."""
    children = module.get_submodule(stage).named_children()
    return [name for name, child in children if next(child.parameters(), None) is not None]


def kept_blocks(module: nn.Module, exits: Exits, count: int) -> list[nn.Module]:
    """The first ``count`` blocks of a module that :func:`find_exits` has seen."""
    stage = module.get_submodule(exits.stage)
    return [stage.get_submodule(name) for name in _blocks(module, exits.stage)[:count]]


@contextmanager
def recorded(blocks: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Yields a list that takes the output of every block as it runs. Raises SpaceError if they run in another order."""
    outputs: list[Tensor] = []
    ran: list[nn.Module] = []

    def take(block: nn.Module, given: object, output: Tensor) -> None:
        ran.append(block)
        outputs.append(output)

    handles = [block.register_forward_hook(take) for block in blocks]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
    if [id(b) for b in ran] != [id(b) for b in blocks]:
        raise SpaceError("the blocks of the exits do not run one after another, so they cannot share a forward pass")


@contextmanager
def given(blocks: Sequence[nn.Module], output: Tensor) -> Iterator[None]:
    """The blocks do not run meanwhile: the last of them gives ``output``."""
    with ExitStack() as stack:
        for block in blocks:
            stack.enter_context(_replaced(block, output if block is blocks[-1] else None))
        yield


@contextmanager
def _replaced(block: nn.Module, output: Tensor | None) -> Iterator[None]:
    """The block gives ``output`` whatever it is given, or for None the first thing that it is given."""
    block.__dict__["forward"] = lambda first, *rest, **named: first if output is None else output
    try:
        yield
    finally:
        del block.__dict__["forward"]
