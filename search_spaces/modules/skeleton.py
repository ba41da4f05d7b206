"""Modules without storage, built fast: their tensors are on the ``meta`` device and nothing is initialised.

A supernet builds one for every subnet that it activates, at every training step, so most of it is built only once:
blocks whose class is :class:`Reused` come back from the skeletons built before.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

INITIALISERS = frozenset(f for name, f in inspect.getmembers(nn.init, inspect.isfunction) if name.endswith("_"))
FACTORIES = frozenset({
    torch.empty, torch.zeros, torch.ones, torch.full, torch.tensor, torch.arange, torch.linspace, torch.eye, torch.rand,
    torch.randn,
})  # fmt: skip


def _changes(func: Callable[..., Any]) -> bool:
    """Whether a tensor's method works in place, such as ``uniform_`` or ``tensor[...] = value``."""
    name = getattr(func, "__name__", "")
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__") and name != "requires_grad_")


LIMIT = 4096
"""Blocks kept; beyond it all are forgotten and the collection starts anew."""


class _Blank:
    """A block and the tensors without storage that it was made with.

    An initialiser may loop until a weight is as it wants it (``trunc_normal_``: within its bounds), and here it changes
    none: it must not meet a supernet's.
    """

    def __init__(self, block: nn.Module) -> None:
        self._block = block
        self._made = [(m._parameters, dict(m._parameters)) for m in block.modules() if m._parameters]

    def again(self) -> nn.Module:
        """The block, as it was made."""
        for parameters, made in self._made:
            parameters.update(made)
        return self._block


class Blocks:
    """Blocks of earlier skeletons by class and arguments, and whatever was ``noted`` about them.

    A network may hold several equal blocks: the n-th time that one is asked for within a skeleton, the n-th is given.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Blank] = {}
        self._asked: Counter[Hashable] = Counter()
        self.noted: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """A new skeleton: no block is in use."""
        self._asked.clear()
        if len(self._kept) > LIMIT:
            self._kept.clear()
            self.noted.clear()

    def get(self, key: Hashable, make: Callable[[], nn.Module]) -> nn.Module:
        """The next block of this kind that the skeleton does not hold yet."""
        number = self._asked[key]
        self._asked[key] += 1
        if (key, number) not in self._kept:
            token = _IN_USE.set(None)  # what a block consists of is its own
            try:
                self._kept[key, number] = _Blank(make())
            finally:
                _IN_USE.reset(token)
        return self._kept[key, number].again()


_IN_USE: ContextVar[Blocks | None] = ContextVar("blocks", default=None)


class Reused(type):
    """Metaclass of a block that skeletons share. Its arguments must determine it and it must keep no other state."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """The class's constructor; inside ``Skeleton(blocks)``, a block that was constructed before."""
        blocks = _IN_USE.get()
        make = partial(super().__call__, *args, **kwargs)
        return make() if blocks is None else blocks.get((cls, args, tuple(sorted(kwargs.items()))), make)


class Skeleton(TorchFunctionMode):
    """``with Skeleton(): module = Family(config)`` gives the module's structure and shapes, and no weights.

    With ``blocks``, those of earlier skeletons are used again, so only one of their networks can be used at a time.
    """

    def __init__(self, blocks: Blocks | None = None) -> None:
        super().__init__()
        self._blocks = blocks

    def __enter__(self) -> Any:
        """Begin a network."""
        if self._blocks is not None:
            self._blocks.begin()
        self._token = _IN_USE.set(self._blocks)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """End it."""
        _IN_USE.reset(self._token)
        super().__exit__(*error)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Send factories to ``meta``; skip initialisers and whatever else would change a tensor."""
        kwargs = kwargs or {}
        if func in INITIALISERS or _changes(func):
            return args[0] if args else kwargs["tensor"]
        if func in FACTORIES:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)
