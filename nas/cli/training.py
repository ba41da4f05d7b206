"""What the commands that train share: options, progress, outcome."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.output import console, duration
from nas.cli.watch import RAY_STARTS

if TYPE_CHECKING:
    from nas.training.job import Job
    from nas.training.trainer import Progress

Data = Annotated[
    str,
    typer.Option(
        "--data", metavar="DATA",
        help="digits, FILE.npz, an image FOLDER, torchvision:NAME, hf:NAME or webdataset:TRAIN.tar.",
    ),
]  # fmt: skip
Epochs = Annotated[int | None, typer.Option("--epochs", metavar="N", help="Passes over the training images.")]
Batch = Annotated[int, typer.Option("--batch", metavar="N", help="Images of a step, over all workers.")]
Rate = Annotated[float | None, typer.Option("--lr", metavar="X", help="Peak learning rate of AdamW.")]
Teacher = Annotated[
    str,
    typer.Option(
        "--teacher", metavar="NAME", help="timm:NAME or a saved model's folder: its predictions are the target."
    ),
]
Precision = Annotated[str, typer.Option("--precision", metavar="TYPE", help="float32, bf16 or fp16 (mixed precision).")]
Clip = Annotated[str, typer.Option("--clip", metavar="RULE", help="Gradients: norm:1.0, agc:0.1 (adaptive) or none.")]
AugmentName = Annotated[
    str, typer.Option("--augment", metavar="NAME", help="auto, none, shift, flip or strong (timm's pipeline).")
]
Mixup = Annotated[float, typer.Option("--mixup", metavar="ALPHA", help="timm's mixup; 0: none.")]
Cutmix = Annotated[float, typer.Option("--cutmix", metavar="ALPHA", help="timm's cutmix; 0: none.")]
Workers = Annotated[
    int,
    typer.Option("--workers", metavar="N", help="Processes that share every batch; more than one through Ray Train."),
]
Gpus = Annotated[int, typer.Option("--gpus", metavar="N", help="GPUs in all with --workers: as many as workers, or 0.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the folder; default: what and time.")]

EVERY_S = 5.0
"""Seconds between plain lines."""
LOST = "; a worker was lost, all go on from the last checkpoint"
OnStep = Callable[["Progress"], None]


@contextmanager
def watching(stderr: bool = False) -> Iterator[OnStep]:
    """A watcher for ``on_step``: a bar on a terminal, else one line every few seconds; on stderr beside JSON."""
    if (sys.stderr if stderr else sys.stdout).isatty():
        with _bar(stderr) as live:
            yield live
    else:
        yield _PlainLines(stderr)


class _PlainLines:
    def __init__(self, stderr: bool) -> None:
        self._stream = sys.stderr if stderr else sys.stdout
        self._start = self._last = time.monotonic()
        self._first = (0, 0.0)  # a step and its time, from which the pace is told
        self._step = 0

    def __call__(self, p: Progress) -> None:
        now = time.monotonic()
        lost = p.step < self._step
        if lost or not self._step:
            self._first = (p.step, now)
        self._step = p.step
        if lost or self._first[0] == p.step or p.step == p.steps or now - self._last >= EVERY_S:
            self._last = now
            steps, taken = p.step - self._first[0], now - self._first[1]
            left = taken / steps * (p.steps - p.step) if steps else 0.0
            rest = f", about {duration(left)} left" if left >= 1 else LOST if lost else ""
            print(f"[{now - self._start:5.1f} s] {_figures(p)}{rest}", file=self._stream, flush=True)


def _figures(p: Progress) -> str:
    return f"epoch {p.epoch + 1}, step {p.step} of {p.steps}: loss {p.loss:.3f}, {p.images_per_s:,.0f} images/s"


@contextmanager
def _bar(stderr: bool) -> Iterator[OnStep]:
    from rich import progress as bars

    columns: tuple[Any, ...] = (
        bars.TextColumn("steps"), bars.BarColumn(bar_width=30), bars.MofNCompleteColumn(), bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(), bars.TextColumn("{task.fields[note]}", markup=False),
    )  # fmt: skip
    with bars.Progress(*columns, console=console(stderr)) as live:
        task = live.add_task("steps", total=None, note="starting")

        reached = 0

        def update(p: Progress) -> None:
            nonlocal reached
            note = f"epoch {p.epoch + 1}, loss {p.loss:.3f}{LOST if p.step < reached else ''}"
            reached = max(reached, p.step)
            live.update(task, completed=p.step, total=p.steps, note=note)

        yield update


class continuable:
    """Turns Ctrl-C into exit code 130 and the command that continues the job; call it with the job once known."""

    def __init__(self, stderr: bool = False) -> None:
        self._job: Job | None = None
        self._stderr = stderr

    def __enter__(self) -> Callable[[Job], None]:
        return self._know

    def _know(self, job: Job) -> None:
        self._job = job
        facts = job.document["facts"]
        what = (
            f"supernet of {job.space.name}" if job.is_supernet else f"network {job.document['architecture']['space']}"
        )
        ray = RAY_STARTS if job.document.get("workers", 1) > 1 else ""
        console(self._stderr).print(
            f"{what} on {facts['source']}: {facts['train']:,} training, {facts['validation']:,} held-out, "
            f"{facts['test']:,} test images, {facts['num_classes']} classes; into {job.path}{ray}",
            soft_wrap=True,
        )  # fmt: skip

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            kept = f"continue it with: nas resume {self._job.path}" if self._job else "nothing was written"
            typer.echo(f"interrupted; {kept}", err=True)
            raise typer.Exit(130)


def conclude(job: Job, as_json: bool) -> None:
    """Print what a finished training reached, and what to do with it."""
    from nas.cli.output import emit

    if as_json:
        return emit({"job": job.path, **job.document})
    out = console()
    for row in job.document["judged"]:
        note = f"; batch statistics from {row['calibrated']} training images" if row["calibrated"] else ""
        out.print(f"{row['name']}: accuracy {row['accuracy']:.2%} on {row['images']:,} {row['part']} images{note}")
    bad = job.document.get("unreadable", [])
    if bad:
        out.print(f"{len(bad)} images could not be read and were skipped, such as {bad[0]}", soft_wrap=True)
    steps = (
        (f"nas search --supernet {job.path} --budget ...", f"nas evaluate {job.path} smallest largest",
         f"nas extract {job.path} smallest --out my-model")
        if job.is_supernet
        else (f"nas build {job.path}", f"nas export {job.path} --format onnx --out model.onnx")
    )  # fmt: skip
    for command in steps:
        out.print(f"next:  {command}", soft_wrap=True)
    out.print(str(job.path), soft_wrap=True)


def command_line() -> str:
    """What the user typed, for the job's record."""
    import shlex

    return shlex.join(["nas", *sys.argv[1:]]) if Path(sys.argv[0]).name in ("nas", "nas.exe", "__main__.py") else ""
