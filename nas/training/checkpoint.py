"""Checkpoints: one safetensors file, whose header holds the state that is no tensor, replaced atomically.

Nothing of a random generator is in it: every step draws from (seed, step) alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.training.errors import CheckpointError, CheckpointUnwritten

FILE = "checkpoint.safetensors"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """``step`` steps are done. ``tensors`` by name, prefixed ``model/``, ``average/`` or ``optimiser/``."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, without it."""
        return {n.removeprefix(prefix): t for n, t in self.tensors.items() if n.startswith(prefix)}

    def fill(self, model: nn.Module, *prefixes: str) -> None:
        """Give ``model`` the tensors under the prefixes, a later one first. Raises CheckpointError if they differ."""
        tensors = {name: t for prefix in prefixes for name, t in self.part(prefix).items()}
        own = {name: tuple(t.shape) for name, t in model.state_dict().items()}
        wrong = [n for n in {**own, **tensors} if n not in tensors or tuple(tensors[n].shape) != own.get(n)]
        if wrong:
            raise CheckpointError(
                f"the checkpoint holds other weights than this version of the space builds ({len(wrong)} differ, such "
                f"as {wrong[0]}): train again"
            )
        model.load_state_dict(tensors)


def save(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write the checkpoint. Raises CheckpointUnwritten where that fails; the one before is intact then."""
    from safetensors.torch import save_file

    from nas.weights import as_any_file

    path, partial = folder / FILE, folder / (FILE + ".tmp")
    tensors = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in checkpoint.tensors.items()}
    header = {"format": FORMAT, "step": checkpoint.step, "state": checkpoint.state}
    try:
        save_file(tensors, str(partial), metadata={"nas": json.dumps(header)})
        as_any_file(partial)
        _settle(partial)
        partial.replace(path)
        _settle(folder)
    except Exception as error:  # safetensors has an exception of its own for what the system says
        partial.unlink(missing_ok=True)
        kept = "the one before is intact" if path.exists() else "there is none before it"
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointUnwritten(f"{path} cannot be written ({reason}); {kept}", path=str(folder)) from None
    return path


def _settle(path: Path) -> None:
    """On the disk, not only in its cache."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(folder: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """The checkpoint of a folder. Raises CheckpointError."""
    from safetensors import safe_open

    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"{folder} has no checkpoint ({FILE})", path=str(folder))
    try:
        with safe_open(str(path), "pt", device=str(device)) as file:
            header = json.loads(file.metadata()["nas"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {header['format']!r}; this nas reads {FORMAT}", path=str(path))
        return Checkpoint(int(header["step"]), tensors, header["state"])
    except CheckpointError:
        raise
    except Exception as error:  # safetensors, json and missing keys
        raise CheckpointError(f"{path} is damaged: {error}", path=str(path)) from None
