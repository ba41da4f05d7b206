"""Handing a model on: ONNX, torch.export, a state dict, the architecture. What can be run again is run and compared."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, RunFailed
from nas.weights import as_any_file, input_size
from search_spaces import Architecture
from search_spaces.errors import unknown_name

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-4
"""Largest difference of logits between the model and its exported form."""


@dataclass(frozen=True)
class Exported:
    """What was written. ``max_difference``: of logits against the model's; None where the format cannot be run."""

    format: str
    path: Path
    size_bytes: int
    input_shape: tuple[int | str, ...]
    max_difference: float | None


Writer = Callable[["nn.Module", Architecture, "Tensor", bool, Path], None]
Runner = Callable[[Path, "Tensor"], "Tensor"]


def export(
    model: nn.Module, architecture: Architecture, format: str, path: Path | str, *, batch: int = 1,
    dynamic: bool = False,
) -> Exported:  # fmt: skip
    """Write ``model`` to one file and verify it. ``batch`` is fixed in the graph unless ``dynamic``.

    Raises NasError for an unknown format or an unwritable path, RunFailed (and leaves no file) where the exported
    form's logits differ by more than :data:`TOLERANCE`.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if batch < 1:
        raise NasError(f"batch must be at least 1, got {batch}")
    path, (write, run) = _writable(Path(path)), FORMATS[format]
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        # A graph traced with one image would be specialised to one: a free batch is traced with two.
        write(model.eval(), architecture, images(model, max(batch, 2) if dynamic else batch), dynamic, partial)
        difference = max(_differences(model, run, partial, batch, dynamic)) if run else None
        if difference is not None and not difference <= TOLERANCE:
            raise RunFailed(f"{format} export differs from the model by {difference:.3g} (allowed {TOLERANCE:g})")
        as_any_file(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    shape = ("batch" if dynamic else batch, *input_size(model))
    return Exported(format, path, path.stat().st_size, shape, difference)


def export_architecture(architecture: Architecture, path: Path | str) -> Exported:
    """Write the architecture alone, as JSON that ``nas build`` and every other command reads."""
    path = _writable(Path(path))
    path.write_text(architecture.to_json())
    return Exported("json", path, path.stat().st_size, (), None)


def images(model: nn.Module, batch: int) -> Tensor:
    """Reproducible random images of the model's input size, shape (batch, C, H, W)."""
    import torch

    return torch.randn(batch, *input_size(model), generator=torch.Generator().manual_seed(0))


def _writable(path: Path) -> Path:
    if path.is_dir():
        raise NasError(f"--out {path} is a folder; give the name of a file, such as {path / 'model.onnx'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NasError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _differences(model: nn.Module, run: Runner, path: Path, batch: int, dynamic: bool) -> list[float]:
    """Largest difference of logits, at the batch asked for and, where it is free, at another one."""
    import torch

    found = []
    for size in (batch, batch + 2) if dynamic else (batch,):
        x_BCHW = images(model, size)
        with torch.no_grad():
            expected = model(x_BCHW)
        found.append(float((run(path, x_BCHW) - expected).abs().max()))
    return found


def _dynamic_shapes(dynamic: bool) -> Any:
    import torch

    return ({0: torch.export.Dim("batch", min=1, max=65_536)},) if dynamic else None


def _write_onnx(model: nn.Module, architecture: Architecture, x_BCHW: Tensor, dynamic: bool, path: Path) -> None:
    import logging

    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with redirect_stdout(io.StringIO()):  # torch reports its steps there, and stdout may be kept for JSON
        torch.onnx.export(
            model, (x_BCHW,), path, dynamo=True, external_data=False, input_names=["images"], output_names=["logits"],
            dynamic_shapes=_dynamic_shapes(dynamic), verbose=False,
        )  # fmt: skip


def _run_onnx(path: Path, x_BCHW: Tensor) -> Tensor:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x_BCHW.numpy()})[0])


def _write_program(model: nn.Module, architecture: Architecture, x_BCHW: Tensor, dynamic: bool, path: Path) -> None:
    import torch

    program = torch.export.export(model, (x_BCHW,), dynamic_shapes=_dynamic_shapes(dynamic))
    with path.open("wb") as file:  # torch insists on the suffix .pt2 of a name, not of a file
        torch.export.save(program, file)


def _run_program(path: Path, x_BCHW: Tensor) -> Tensor:
    import torch

    with path.open("rb") as file, torch.no_grad():
        logits: Tensor = torch.export.load(file).module()(x_BCHW)
    return logits


def _write_state(model: nn.Module, architecture: Architecture, x_BCHW: Tensor, dynamic: bool, path: Path) -> None:
    import torch
    from safetensors.torch import save_model as save_tensors

    if path.suffix in (".pt", ".pth"):
        torch.save(model.state_dict(), path)
    else:
        save_tensors(model, str(path), metadata={"architecture": architecture.id, "space": architecture.space})


FORMATS: dict[str, tuple[Writer, Runner | None]] = {
    "onnx": (_write_onnx, _run_onnx),
    "torch-export": (_write_program, _run_program),
    "state-dict": (_write_state, None),
}
"""Formats of a model by name: how to write one, and how to run what was written."""
ALL_FORMATS = (*FORMATS, "json")
