"""Labelled sizes: a length says by its prime factors which groups it belongs to.

Every group is given a prime number of units, above anything that a network has of fixed length. A length (or a product
of lengths) seen in a trace at these sizes is then a monomial, ``count * units(a) * units(b)``, that can be read off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from search_spaces.operators import IntArray
from search_spaces.sorted_net.graph import Axis
from search_spaces.sorted_net.groups import Dim, Label
from search_spaces.sorted_net.nest import Nest, blank
from search_spaces.sorted_net.sizes import Size

ABOVE = 1_000_000
"""Classes, positions and every other fixed length are at most this."""
FACTORS = 3


@lru_cache(maxsize=8)
def primes(count: int) -> tuple[int, ...]:
    """The first so many primes above :data:`ABOVE`."""
    found: list[int] = []
    number = ABOVE + 1
    while len(found) < count:
        if all(number % d for d in range(3, int(number**0.5) + 1, 2)):
            found.append(number)
        number += 2
    return tuple(found)


@dataclass(frozen=True)
class Monomials:
    """Numbers that depend on the units of groups: ``count`` (n,) times the units named by ``factors`` (n, 3).

    A factor equal to the number of groups stands for 1.
    """

    count: IntArray
    factors: IntArray

    def __call__(self, units: Sequence[int]) -> IntArray:
        """The numbers, shape (n,)."""
        sizes = np.array([*units, 1], dtype=np.int64)
        return self.count * sizes[self.factors].prod(axis=1)


def read(values: Sequence[int], groups: int) -> Monomials:
    """The monomials behind lengths at labelled sizes."""
    known = {value: _factors(value, groups) for value in {int(v) for v in values}}
    rows = [known[int(v)] for v in values]
    factors = np.array([f for _, f in rows], dtype=np.int64).reshape(len(rows), FACTORS)
    return Monomials(np.array([c for c, _ in rows], dtype=np.int64), factors)


def _factors(value: int, groups: int) -> tuple[int, tuple[int, ...]]:
    found: list[int] = []
    rest = value
    if abs(value) > ABOVE:
        for index, prime in enumerate(primes(groups)):
            while rest and rest % prime == 0 and len(found) < FACTORS:
                rest //= prime
                found.append(index)
    return rest, (*found, *[groups] * (FACTORS - len(found)))


def labelled(nest: Nest, module: nn.Module, depths: Sequence[int]) -> nn.Module:
    """``module`` (on the meta device) at labelled sizes."""
    extent = nest.extent
    units = primes(len(extent.widths) + len(extent.heads))
    size = Size(units[: len(extent.widths)], units[len(extent.widths) :], tuple(depths))
    return nest.build(module, size, blank)


# ---- what timm says of a model -----------------------------------------------------------------------------------


def described(nest: Nest, module: Any, input_size: Sequence[int]) -> Nest:
    """The nest with timm's ``num_features``, ``head_hidden_size`` and ``feature_info`` bound to their groups."""
    part: Any = labelled(nest, module, nest.extent.full.depths)
    levels = part.feature_info if isinstance(getattr(part, "feature_info", None), list) else []
    shapes: dict[str, tuple[int, ...]] = {}
    for level in levels:
        _watch(part, str(level.get("module")), shapes)
    with torch.no_grad(), torch.device("meta"):
        out = part.forward_features(torch.empty(1, *input_size)) if hasattr(part, "forward_features") else None
    groups = len(nest.extent.widths) + len(nest.extent.heads)
    features = tuple(_channels(shapes.get(str(level.get("module")), ()), groups) for level in levels)
    last = _channels(tuple(out.shape), groups) if isinstance(out, torch.Tensor) else None
    path, read_by_head = _classifier(nest, part)
    homes = ["", *(path[:i] for i, letter in enumerate(path) if letter == ".")]
    bindings = {("", "num_features"): last, ("", "embed_dim"): last}
    for home in homes:
        for name in ("head_hidden_size", "num_features", "in_features"):
            bindings[home, name] = bindings.get((home, name)) or read_by_head
    full, attributes = nest.extent.full.units, dict(nest.attributes)
    for (home, name), dim in bindings.items():
        if dim is not None and module.get_submodule(home).__dict__.get(name) == full[dim.group] * dim.times:
            attributes[home, name] = dim
    return Nest(nest.extent, nest.tensors, attributes, features, nest.kept)


def _watch(part: nn.Module, path: str, shapes: dict[str, tuple[int, ...]]) -> None:
    def note(_module: nn.Module, _args: Any, out: Any) -> None:
        shapes[path] = tuple(out.shape)

    found = dict(part.named_modules()).get(path)
    if found is not None:
        found.register_forward_hook(note)


def _channels(shape: Sequence[int], groups: int) -> Label:
    for length in shape:
        count, factors = _factors(length, groups)
        if factors[0] < groups == factors[1]:
            return Dim(factors[0], count)
    return None


def _classifier(nest: Nest, part: Any) -> tuple[str, Label]:
    """The path of the classifier, and the channels that it reads."""
    head = part.get_classifier() if hasattr(part, "get_classifier") else None
    path = next((p for p, m in part.named_modules() if m is head), "")
    axes: Mapping[int, Axis] = nest.tensors.get(f"{path}.weight", {})
    return path, axes[1].dim if isinstance(head, nn.Linear) and 1 in axes else None
