"""A user's own network: made by an import path (see ``search_spaces.permits``), and what a module gives."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.errors import SpaceError
from search_spaces.imports import load, on_path, split_path
from search_spaces.permits import folder_of
from search_spaces.tracing.meta import meta_copy

ANY_CLASSES, ANY_CHANNELS = 10, 3
"""At which a fingerprint is taken: fine-tuned for other classes, it is still the same network."""


def canonical(model: Any, img_size: Any) -> Any:
    """An import path with the fingerprint of what it builds; any other name as it is.

    Raises SpaceError where the path carries another fingerprint: its code has changed.
    """
    found = split_path(model)
    if found is None:
        return model
    name, expected = found
    folder = str(folder_of(name))
    actual = _fingerprint(name, folder, img_size)
    if expected not in (None, actual):
        raise SpaceError(
            f"sorted_net: {name} of {folder} has changed: it builds other weights ({actual}) than when this was made "
            f"({expected}); go back to that version, or train again"
        )
    return f"{name}@{actual}"


@lru_cache(maxsize=64)
def _fingerprint(name: str, folder: str, img_size: int) -> str:
    with torch.random.fork_rng(devices=[]):
        module = make(name, num_classes=ANY_CLASSES, in_chans=ANY_CHANNELS, img_size=img_size)
    return fingerprint(module)


def fingerprint(module: nn.Module) -> str:
    """Twelve digits that names and shapes of a module's tensors determine."""
    shapes = str([(n, tuple(t.shape)) for n, t in module.state_dict().items()])
    return hashlib.sha256(shapes.encode()).hexdigest()[:12]


def make(name: str, **options: int) -> nn.Module:
    """The module that an import path makes, given the ``options`` that its signature names. Raises SpaceError."""
    folder = folder_of(name)
    function = load(name, folder)
    if not callable(function) or isinstance(function, nn.Module):
        kind = type(function).__name__
        raise SpaceError(f"sorted_net: {name} is a {kind}, expected a function that returns a torch.nn.Module")
    try:
        known = inspect.signature(function).parameters
        with on_path(folder):
            module = function(**{k: v for k, v in options.items() if k in known})
    except Exception as error:  # whatever a user's function raises
        raise SpaceError(f"sorted_net: {name} fails: {type(error).__name__}: {_line(error)}") from None
    if not isinstance(module, nn.Module):
        raise SpaceError(f"sorted_net: {name} returns a {type(module).__name__}, expected a torch.nn.Module")
    return module


def check_classes(module: nn.Module, name: str, num_classes: int, input_size: Sequence[int]) -> None:
    """Raise SpaceError where the logits of a module are not of so many classes."""
    found = classes_of(module, input_size)
    if found != num_classes:
        raise SpaceError(
            f"sorted_net: {name} gives {found} classes where {num_classes} are asked for; let it take num_classes, "
            f"or ask for {found}"
        )


def classes_of(module: nn.Module, input_size: Sequence[int]) -> int:
    """How many classes its logits have, found on the meta device. Raises SpaceError where it gives none."""
    try:
        with torch.no_grad(), torch.device("meta"):
            out = meta_copy(module)(torch.empty(1, *input_size))
    except Exception as error:  # whatever a user's forward pass raises
        name = type(module).__name__
        raise SpaceError(f"sorted_net: {name} cannot be traced on images {tuple(input_size)}: {_line(error)}") from None
    if not isinstance(out, Tensor) or out.dim() != 2:
        raise SpaceError(f"sorted_net: {type(module).__name__} must give logits of shape (images, classes)")
    return int(out.shape[1])


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
