"""Making a network ready to run on a device in a runtime: a call without arguments that computes one batch.

``torch`` runs the module as it is (eager), ``compile`` through ``torch.compile``, ``onnxruntime`` as an exported graph.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictors.latency.errors import MeasurementError
from search_spaces.errors import unknown_name

if TYPE_CHECKING:
    from torch import Tensor, nn

DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float16", "bfloat16")
Call = Callable[[], Any]


@dataclass(frozen=True)
class Setting:
    """How a network runs. Raises MeasurementError or UnknownName for what cannot be had on this machine."""

    device: str = "cpu"
    runtime: str = "torch"
    batch: int = 1
    threads: int = 1
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("device", self.device, DEVICES), ("runtime", self.runtime, tuple(RUNTIMES)), ("dtype", self.dtype, DTYPES)
        ):  # fmt: skip
            if value not in known:
                raise unknown_name(kind, value, known)
        for name, count in (("batch", self.batch), ("threads", self.threads)):
            if count < 1:
                raise MeasurementError(f"{name} must be at least 1, got {count}")
        if self.runtime == "onnxruntime" and self.dtype != "float32":
            raise MeasurementError(f"onnxruntime is measured in float32, got dtype {self.dtype}; use torch or compile")
        if self.device == "cuda":
            _check_cuda(self.runtime)


def _check_cuda(runtime: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise MeasurementError("device cuda: PyTorch finds no CUDA GPU on this machine; use cpu, or see 'nas doctor'")
    if runtime == "onnxruntime":
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise MeasurementError("onnxruntime has no CUDA provider here; install onnxruntime-gpu, or use torch")


def input_size(module: nn.Module) -> tuple[int, int, int]:
    """(C, H, W) of the images that a module is made for: timm's configuration, or its own attributes, or 3x224x224."""
    config: Any = getattr(module, "pretrained_cfg", None) or {}
    size: Any = config.get("input_size") if isinstance(config, dict) else None
    if not size:
        side = getattr(module, "img_size", 224)
        size = (getattr(module, "in_chans", 3), *(side if isinstance(side, Sequence) else (side, side)))
    return int(size[0]), int(size[1]), int(size[2])


@contextmanager
def ready(module: nn.Module, size: Sequence[int], setting: Setting) -> Iterator[Call]:
    """A call that runs ``module`` on one fixed random batch, shape (batch, *size); for as long as the context lasts.

    The module is put in evaluation mode, and moved where the setting says. Threads are set back afterwards.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(setting.threads)
    try:
        generator = torch.Generator().manual_seed(0)
        x_BCHW = torch.randn(setting.batch, *size, generator=generator)
        with torch.inference_mode():
            yield RUNTIMES[setting.runtime](module.eval(), x_BCHW, setting)
    finally:
        torch.set_num_threads(before)


def _torch(module: nn.Module, x_BCHW: Tensor, setting: Setting) -> Call:
    import torch

    dtype = getattr(torch, setting.dtype)
    moved, images = module.to(setting.device, dtype), x_BCHW.to(setting.device, dtype)
    return lambda: moved(images)


def _compiled(module: nn.Module, x_BCHW: Tensor, setting: Setting) -> Call:
    import torch

    torch.compiler.reset()
    call = _torch(module, x_BCHW, setting)
    compiled = torch.compile(call)
    try:
        compiled()
    except Exception as error:  # the compiler raises anything, from a missing C++ compiler on
        reason = str(error).strip().partition("\n")[0][:160]
        raise MeasurementError(f"torch.compile cannot compile {type(module).__name__}: {reason}") from error
    return compiled


def _onnxruntime(module: nn.Module, x_BCHW: Tensor, setting: Setting) -> Call:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(module, x_BCHW, path)
        provider = "CUDAExecutionProvider" if setting.device == "cuda" else "CPUExecutionProvider"
        session = onnxruntime.InferenceSession(str(path), session_options(setting.threads), providers=[provider])
    feed = {session.get_inputs()[0].name: x_BCHW.numpy()}
    return lambda: session.run(None, feed)


def session_options(threads: int) -> Any:
    """Options of ONNX Runtime: that many threads, all optimisations (its default), no waiting in a busy loop."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return options


def write_onnx(module: nn.Module, x_BCHW: Tensor, path: Path) -> None:
    """Export ``module`` to one ONNX file. Raises MeasurementError where PyTorch cannot."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), torch.inference_mode(False), torch.no_grad():
            torch.onnx.export(
                module, (x_BCHW.clone(),), path, dynamo=True, external_data=False, input_names=["images"],
                verbose=False,
            )  # fmt: skip
    except Exception as error:  # the exporter raises anything
        reason = str(error).strip().partition("\n")[0][:160]
        raise MeasurementError(f"{type(module).__name__} cannot be exported to ONNX: {reason}") from error


RUNTIMES: dict[str, Callable[[nn.Module, Tensor, Setting], Call]] = {
    "torch": _torch, "compile": _compiled, "onnxruntime": _onnxruntime,
}  # fmt: skip
"""Runtimes by name; how each is made ready."""
