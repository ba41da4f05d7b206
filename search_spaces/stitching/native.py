"""The images and classes that anchors were made for, by their names: what they share unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from search_spaces.errors import SpaceError
from search_spaces.stitching.anchors import split_name, stitchable

SIDE, CLASSES = 224, 1000
"""Where no name says anything."""


def image_size(names: Sequence[str]) -> int:
    """Pixels a side of the anchors' own images; those that take any size have no say. Raises SpaceError."""
    return _shared(names, _side, "made for images of {} and {} pixels a side", "img_size") or SIDE


def num_classes(names: Sequence[str]) -> int:
    """Classes of the anchors' own classifiers; those without a classifier have no say. Raises SpaceError."""
    return _shared(names, _classes, "made for {} and {} classes", "num_classes") or CLASSES


def _side(config: Any) -> int:
    return int(config.input_size[-1]) if config.fixed_input_size else 0


def _classes(config: Any) -> int:
    return int(config.num_classes)


def _shared(names: Sequence[str], read: Callable[[Any], int], said: str, option: str) -> int:
    """The value that all names agree on, 0 where none has one."""
    import timm

    found: dict[str, int] = {}
    for name in names:
        model, _ = split_name(name)
        stitchable(model)
        config = timm.get_pretrained_cfg(model, allow_unregistered=True)
        if config is not None and (value := read(config)):
            found[name] = value
    first = next(iter(found), "")
    for name, value in found.items():
        if value != found[first]:
            made = said.format(found[first], value)
            raise SpaceError(
                f"anchors {first} and {name} cannot be stitched as they are: they were {made}; name others, "
                f"or give {option} to make both anew"
            )
    return found.get(first, 0)
