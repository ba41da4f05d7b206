"""Anchors: what a stitched net knows of each of its networks, from one trace on the ``meta`` device.

An anchor is named as timm names it, with options where wanted: ``deit_tiny_patch16_224`` or
``vit_tiny_patch16_224?embed_dim=64&depth=6&num_heads=2``. It is built once, without storage, and never again
for tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np

from search_spaces.errors import NasError, SpaceError, UnknownName, unknown_name
from search_spaces.operators import COLUMNS, Kind, OperatorTable
from search_spaces.stitching.families import FAMILIES, Family, family_of

if TYPE_CHECKING:
    from torch import nn

Part = tuple[str, int, int]
"""``("embed", 0, 0)``, ``("entry", stage, 0)``, ``("block", stage, block)`` or ``("tail", 0, 0)``."""
EMBED: Part = ("embed", 0, 0)
TAIL: Part = ("tail", 0, 0)
CLASSIFIERS = ("head", "head_dist", "fc")
OPTIONS = (
    "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias", "init_values", "class_token",
    "no_embed_class", "global_pool", "window_size",
)  # fmt: skip
"""What a name may set. Never a path or an address: a name may come from a stranger's file."""


@dataclass(frozen=True)
class Anchor:
    """One network, cut into parts; ``shapes`` are (channels, positions) of the features that each stage gives."""

    name: str
    family: Family
    depths: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    prefix_tokens: int
    heads: int
    parts: dict[Part, OperatorTable]

    @cached_property
    def macs(self) -> int:
        """MACs of the whole anchor."""
        return sum(int(t.macs[0]) for t in self.parts.values())


def split_name(name: str) -> tuple[str, dict[str, Any]]:
    """A timm name and its options. Raises SpaceError where they cannot be read."""
    model, mark, query = name.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    if mark and (not pairs or any(not v for _, v in pairs)):
        raise SpaceError(f"anchor {name[:80]!r}: options are written NAME?embed_dim=64&depth=6")
    for option, _ in pairs:
        if option not in OPTIONS:
            raise unknown_name(f"option of anchor {model[:60]}", option[:40], OPTIONS)
    return model, {k: _value(v) for k, v in pairs}


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def create(name: str, **options: Any) -> nn.Module:
    """The timm model of an anchor's name, with fresh weights. Raises UnknownName or SpaceError."""
    import timm

    model, own = split_name(name)
    stitchable(model)
    try:
        return timm.create_model(model, **options | own)  # type: ignore[no-any-return]
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        sized = f" for images of {options['img_size']} pixels" if "img_size" in options else ""
        raise SpaceError(f"anchor {name!r} cannot be built{sized}: {reason}") from None


@lru_cache(maxsize=64)
def stitchable(model: str) -> Family:
    """The family of a timm model, without options. Raises UnknownName, or SpaceError where it cannot be stitched."""
    import timm
    import torch

    if not timm.is_model(model):
        error = unknown_name("timm model", model, timm.list_models())
        raise UnknownName(str(error).partition(" (known:")[0], **error.data)
    try:
        with torch.device("meta"):
            return _family(model, timm.create_model(model))
    except RuntimeError as error:
        raise SpaceError(f"anchor {model} cannot be built: {error}") from None


def _family(name: str, module: nn.Module) -> Family:
    family = family_of(module)
    if family is None:
        known = ", ".join(c for f in FAMILIES.values() for c in f.classes)
        raise SpaceError(f"anchor {name} is a {type(module).__name__}; only these can be stitched: {known}")
    return family


def examine(name: str, module: nn.Module, input_size: tuple[int, int, int]) -> Anchor:
    """Trace ``module`` and cut it. Raises SpaceError where its class cannot be stitched."""
    from search_spaces.tracing import trace

    family = _family(name, module)
    try:
        parts = _cut(trace(module, input_size=input_size), family)
    except NasError as error:
        size = " x ".join(map(str, input_size))
        raise SpaceError(f"anchor {name} does not run on images of {size}: {error}") from None
    depths = tuple(len(blocks) for blocks in family.blocks(module))
    ends = [parts["block", s, d - 1] for s, d in enumerate(depths)]
    return Anchor(
        name, family, depths, tuple(map(_shape, ends)), int(getattr(module, "num_prefix_tokens", 0)),
        sum(n in CLASSIFIERS for n, _ in module.named_children()), parts,
    )  # fmt: skip


@lru_cache(maxsize=32)
def anchor(name: str, num_classes: int, in_chans: int, img_size: int) -> Anchor:
    """The anchor of a name, cached."""
    import torch

    with torch.device("meta"):
        module = create(name, **options_for(name, num_classes, in_chans, img_size))
    return examine(name, module, (in_chans, img_size, img_size))


def options_for(name: str, num_classes: int, in_chans: int, img_size: int) -> dict[str, Any]:
    """What timm is told beside the name; ResNets take any image size, so they have no such option."""
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_chans}
    sized = stitchable(split_name(name)[0]).name != "resnet"
    return options | ({"img_size": img_size} if sized else {})


def _cut(table: OperatorTable, family: Family) -> dict[Part, OperatorTable]:
    """The rows of each part, as tables of their own with one stage."""
    places = [family.place(name) for name in table.names]
    inside = [i for i, p in enumerate(places) if p is not None]
    parts: dict[Part, list[int]] = {}
    for i, place in enumerate(places):
        part = place or (EMBED if i < inside[0] else TAIL)
        parts.setdefault(part, []).append(i)
    return {part: _rows(table, np.array(rows)) for part, rows in parts.items()}


def _rows(table: OperatorTable, rows: np.ndarray[Any, np.dtype[np.int64]]) -> OperatorTable:
    columns = {c: table[c][rows] for c in COLUMNS} | {"stage": np.zeros(len(rows), dtype=np.int64)}
    return OperatorTable(columns, 1, ("part",), tuple(table.names[i] for i in rows))


def _shape(block: OperatorTable) -> tuple[int, int]:
    """(channels, positions) that a block writes: those of its last row that computes anything."""
    last = int(np.flatnonzero(block["kind"] != Kind.PARAMETER)[-1])
    return int(block["c_out"][last]), int(block["h_out"][last] * block["w_out"][last])
