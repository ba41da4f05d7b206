"""Weights of models: fresh from a seed, read from a file (plain tensors only), saved beside their architecture.

A saved model is a folder of two files, ``model.json`` (the architecture, and how to feed it) and
``model.safetensors``. ``nas.load_model(folder)`` gives the module back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from search_spaces import Architecture, SearchSpace, get_space

if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL_JSON, MODEL_WEIGHTS = "model.json", "model.safetensors"
WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema")
"""Where training scripts put the state dict in their checkpoints."""


def build(space: SearchSpace, architecture: Architecture, *, weights: Path | None = None, seed: int = 0) -> nn.Module:
    """The module of an architecture, in evaluation mode, with weights drawn under ``seed`` or read from a file."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = space.model(architecture)
    if weights is not None:
        load_weights(model, weights)
    return model.eval()


def build_named(
    text: str, *, weights: Path | None = None, seed: int = 0
) -> tuple[SearchSpace, Architecture, nn.Module, str]:  # fmt: skip
    """What ``nas.sources`` names, its module in evaluation mode, and where the weights are from.

    That is ``weights``, else what lies beside a saved model, else the training of a stitched run, else ``seed``.
    """
    from nas.sources import resolve, stitched_run

    space, architecture = resolve(text)
    weights = weights or weights_beside(text)
    if weights is None and (run := stitched_run(text)) is not None:
        from nas.stitching.trained import trained_route

        return space, architecture, trained_route(run, architecture), f"trained, of {run.path}"
    source = str(weights or f"fresh, seed {seed}")
    return space, architecture, build(space, architecture, weights=weights, seed=seed), source


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill ``model`` from a .safetensors file or a PyTorch file that holds tensors only. Raises NasError."""
    state = _read(path)
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    missing = _without_aliases(model, own.keys() - given.keys(), given)
    problems = [
        *(f"{name} is missing" for name in sorted(missing)),
        *(f"{name} is unknown" for name in sorted(given.keys() - own.keys())),
        *(f"{name} is {given[name]}, expected {own[name]}" for name in own if given.get(name, own[name]) != own[name]),
    ]
    if problems:
        more = f" (and {len(problems) - 1} more differences)" if len(problems) > 1 else ""
        raise NasError(f"{path} holds weights of another architecture: {problems[0]}{more}")
    model.load_state_dict(state, strict=False)


def _without_aliases(model: nn.Module, missing: set[str], given: dict[str, Any]) -> set[str]:
    """Names whose tensor is shared with one that is given are not missing: a file holds shared tensors once."""
    state = model.state_dict()
    present = {state[name].data_ptr() for name in given if name in state}
    return {name for name in missing if state[name].data_ptr() not in present}


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise NasError(f"{path} is no file of weights")
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle, zip and torch each have their own
        reason = str(error).strip().partition("\n")[0][:120] or type(error).__name__
        expected = ".safetensors, or plain tensors by torch.save"
        raise NasError(f"{path} cannot be read as weights ({expected}): {reason}") from None
    return _unwrapped(loaded, path)


def _unwrapped(loaded: Any, path: Path) -> dict[str, Tensor]:
    import torch

    for key in WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise NasError(f"{path} holds no state dict (a mapping from names to tensors)")
    for prefix in ("module.", "_orig_mod."):  # of DistributedDataParallel and torch.compile
        if loaded and all(name.startswith(prefix) for name in loaded):
            loaded = {name.removeprefix(prefix): value for name, value in loaded.items()}
    return dict(loaded)


def input_size(model: nn.Module) -> tuple[int, int, int]:
    """(C, H, W) of the images the model is made for."""
    config: Any = getattr(model, "default_cfg", None) or {}
    size = config.get("input_size") or (getattr(model, "in_chans", 3), *[getattr(model, "img_size", 224)] * 2)
    return int(size[0]), int(size[1]), int(size[2])


def save_model(
    model: nn.Module, architecture: Architecture, folder: Path | str, facts: Mapping[str, Any] | None = None
) -> Path:
    """Write ``model.json`` and ``model.safetensors`` into ``folder``; returns it. Raises NasError where it cannot.

    ``facts`` (plain data) are added to ``model.json``: what its training says in the place of the defaults.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_model as save_tensors

    folder = Path(folder)
    partial = folder / (MODEL_WEIGHTS + ".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(model, str(partial), metadata={"architecture": architecture.id, "space": architecture.space})
        as_any_file(partial)
        document = _document(model, architecture) | dict(facts or {})
        (folder / MODEL_JSON).write_text(json.dumps(document, indent=1) + "\n")
        partial.replace(folder / MODEL_WEIGHTS)
    except (OSError, SafetensorError) as error:
        if partial.exists():
            partial.unlink()
        raise NasError(f"{folder} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    return folder


def as_any_file(path: Path) -> None:
    """Give a file the usual permissions: safetensors writes files that only their owner may read."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def _document(model: nn.Module, architecture: Architecture) -> dict[str, Any]:
    """An architecture file with what a user of the weights must know."""
    config: Any = getattr(model, "default_cfg", None) or {}
    facts = {key: list(config[key]) for key in ("mean", "std") if key in config}
    params = sum(p.numel() for p in model.parameters())
    document: dict[str, Any] = json.loads(architecture.to_json())
    return document | {"weights": MODEL_WEIGHTS, "input_size": list(input_size(model)), "params": params, **facts}


def load_model(folder: Path | str) -> nn.Module:
    """The module that :func:`save_model` wrote, in evaluation mode, with the same logits. Raises NasError."""
    from nas.sources import resolve

    folder = Path(folder)
    _, architecture = resolve(str(folder / MODEL_JSON))
    return build(get_space(architecture.space, **architecture.options), architecture, weights=folder / MODEL_WEIGHTS)


def weights_beside(source: str) -> Path | None:
    """The weights that belong to a saved model's folder (or its ``model.json``); None for anything else."""
    path = Path(source)
    folder = path.parent if path.name == MODEL_JSON else path
    found = folder / MODEL_WEIGHTS
    return found if (folder / MODEL_JSON).is_file() and found.is_file() else None
