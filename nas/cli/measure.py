"""``nas measure``: the latency of a network on this machine, with an interval and what disturbed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from torch import nn

    from predictors.latency.measuring import Measurement

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="SPACE:NAME, RUN, RUN#INDEX, FILE.json or timm:NAME.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="cpu or cuda.")]
Runtime = Annotated[str, typer.Option("--runtime", metavar="NAME", help="torch (eager), compile or onnxruntime.")]
Batch = Annotated[int, typer.Option("--batch", metavar="N", help="Images per call.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="CPU threads.")]
Dtype = Annotated[str, typer.Option("--dtype", metavar="NAME", help="float32, float16 or bfloat16.")]
Time = Annotated[float, typer.Option("--seconds", metavar="S", help="Stop repeating after this long.")]


def command(
    arch: Arch, device: Device = "cpu", runtime: Runtime = "torch", batch: Batch = 1, threads: Threads = 1,
    dtype: Dtype = "float32", seconds: Time = 10.0, json: Json = False,
) -> None:  # fmt: skip
    """Measure a network's latency on this machine. Weights are fresh: they do not matter to the time.

    Runs until it is warm, then until the 95 % interval of the median is within ±2 %. A fixed kernel is timed before,
    between and after; lost cores, stolen time, drift and two-speed machines are reported. --json has every repeat,
    outliers too. CUDA is timed with events.

    \b
    Examples:
      nas measure elasticvit:S1
      nas measure results/RUN#3 --runtime onnxruntime --threads 2
      nas measure timm:resnet50 --device cuda --dtype float16 --batch 32 --json
    """
    from nas.cli.output import emit
    from nas.errors import NasError
    from predictors.latency.measuring import Setting, measure

    if not 0 < seconds <= 3600:
        raise NasError(f"--seconds must be above 0 and at most 3600, got {seconds:g}")
    setting = Setting(device=device, runtime=runtime, batch=batch, threads=threads, dtype=dtype)
    found = measure(_module(arch), name=arch, setting=setting, time_cap_s=seconds)
    if json:
        from dataclasses import asdict

        return emit(asdict(found))
    _show(found)


def _module(text: str) -> nn.Module:
    from nas.sources import resolve, timm_model
    from nas.weights import build

    if text.startswith("timm:"):
        return timm_model(text.removeprefix("timm:"))
    return build(*resolve(text))


def _show(found: Measurement) -> None:
    from nas.cli.output import console

    out = console()
    size = " x ".join(map(str, (found.batch, *found.input_size)))
    threads = f", {found.threads} thread{'s' if found.threads > 1 else ''}" if found.device == "cpu" else ""
    out.print(f"{found.name}: {found.latency_ms:.4g} ms ({found.low_ms:.4g} to {found.high_ms:.4g} at 95 %)")
    out.print(f"{found.device}, {found.runtime}, {found.dtype}, input {size}{threads}", soft_wrap=True)
    out.print(f"{found.statistic}; {len(found.samples_ms)} repeats after {found.warmup} to warm up", soft_wrap=True)
    out.print(f"on {found.hardware.get('accelerator') or found.hardware.get('processor')}", soft_wrap=True)
    for warning in found.warnings:
        out.print(f"note: {warning}", soft_wrap=True)
