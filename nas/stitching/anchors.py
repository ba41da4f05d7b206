"""Anchors with their weights: from timm's hub, from files, from folders of ``nas train`` and ``nas extract``, or fresh.

A folder holds a route of the ``stitching`` space that is a whole anchor (``{"path": [n]}``), so an anchor can be
trained by ``nas train`` and taken out of another stitched net by ``nas extract``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from search_spaces.stitching import Stitching
from search_spaces.stitching.anchors import create, options_for, split_name

if TYPE_CHECKING:
    from torch import nn

OPTIONS = ("num_classes", "in_chans", "img_size")
WAYS = "--anchor-weights FILE,FILE gives local weights, --random-anchors makes a dry run"


@dataclass(frozen=True)
class Anchors:
    """Modules in the space's order, where their weights are from, and which of them have a new classifier."""

    modules: tuple[nn.Module, ...]
    sources: tuple[str, ...]
    new_heads: tuple[int, ...] = ()


def load_anchors(space: Stitching, weights: Sequence[str] | None, random: bool, seed: int) -> Anchors:
    """The anchors of ``space``. ``weights``: a file or folder for each; without, the hub's. Raises NasError."""
    import torch

    names = [a.name for a in space.anchors]
    if random and weights:
        raise NasError("--random-anchors makes fresh weights, --anchor-weights names some: choose one")
    if weights and len(weights) != len(names):
        raise NasError(f"{len(names)} anchors need as many files of weights, got {len(weights)}: {', '.join(weights)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if random:
            return Anchors(tuple(_fresh(space, n) for n in names), ("random",) * len(names))
        if weights:
            found = tuple(_local(space, n, Path(w)) for n, w in zip(names, weights, strict=True))
            return Anchors(found, tuple(weights))
        return _of_hub(space, names)


def _options(space: Stitching, name: str) -> dict[str, Any]:
    return options_for(name, **{k: space.options[k] for k in OPTIONS})


def _fresh(space: Stitching, name: str) -> nn.Module:
    return create(name, **_options(space, name))


def _local(space: Stitching, name: str, path: Path) -> nn.Module:
    """An anchor with the weights of a file, or of the folder of a saved model."""
    from nas.weights import MODEL_JSON, load_weights

    if (path / MODEL_JSON).is_file():
        return _saved(space, name, path)
    if path.is_dir():
        raise NasError(f"anchor {name}: {path} is no saved model (no {MODEL_JSON}); give a file, or a folder of 'nas "
                       "train', 'nas extract' or 'nas build --out'")  # fmt: skip
    module = _fresh(space, name)
    try:
        load_weights(module, path)
    except NasError as error:
        made = f"{space.options['num_classes']} classes and images of {space.options['img_size']} pixels"
        raise NasError(f"anchor {name} for {made}: {error}") from None
    return module


def _saved(space: Stitching, name: str, folder: Path) -> nn.Module:
    from nas.sources import resolve
    from nas.weights import MODEL_WEIGHTS, load_weights
    from search_spaces.stitching.model import StitchedNet

    found, architecture = resolve(str(folder))
    path = architecture.config.get("path", [])
    if not isinstance(found, Stitching) or len(path) != 1:
        what = f"a network of space {found.name}" if not isinstance(found, Stitching) else "a stitched route"
        raise NasError(f"anchor {name}: {folder} holds {what}; a folder must hold a whole anchor of space stitching")
    theirs = found.anchors[path[0]].name
    if theirs != name:
        raise NasError(f"anchor {name}: {folder} holds {theirs}")
    for option in OPTIONS:
        if found.options[option] != space.options[option]:
            raise NasError(f"anchor {name}: {folder} has {option} {found.options[option]}, needed here is "
                           f"{space.options[option]}")  # fmt: skip
    net = StitchedNet(found, routes=[found.route(architecture)])
    load_weights(net.path(architecture), folder / MODEL_WEIGHTS)
    return net.anchors[str(path[0])]


def _of_hub(space: Stitching, names: Sequence[str]) -> Anchors:
    modules, new = [], []
    for number, name in enumerate(names):
        module, classes = _pretrained(name, _options(space, name))
        modules.append(module)
        if classes != space.options["num_classes"]:
            new.append(number)
    return Anchors(tuple(modules), tuple(f"timm: {n}" for n in names), tuple(new))


def _pretrained(name: str, options: dict[str, Any]) -> tuple[nn.Module, int]:
    """(the module, the number of classes its classifier was trained for)."""
    import timm

    model, own = split_name(name)
    if own:
        raise NasError(f"anchor {name} has options of its own, so there are no pretrained weights of it: {WAYS}")
    try:
        module: Any = timm.create_model(model, pretrained=True, **options)
    except Exception as error:  # no such weights, no network: timm, the hub and its client have an exception each
        reason = str(error).strip().partition("\n")[0][:160] or type(error).__name__
        raise NasError(f"anchor {name}: no pretrained weights can be had here ({reason}): {WAYS}") from None
    return module, int((getattr(module, "pretrained_cfg", None) or {}).get("num_classes", -1))
