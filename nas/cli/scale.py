"""``nas scale``: a series of vision transformers of growing size, designed without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import ImgSize, InChans, Json, NumClasses, Out, Seed, Workers, space_options

if TYPE_CHECKING:
    from nas.designers.asvit.question import Question
    from nas.designers.asvit.series import Series

Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="LIMIT", help="Upper limit to grow to, repeatable: 5GFLOPs, 30Mparams, 50MB."),
]
ProtocolName = Annotated[
    str, typer.Option("--protocol", metavar="NAME", help="default: minutes; paper: as published, hours.")
]
Evaluations = Annotated[
    int | None,
    typer.Option("--evaluations", metavar="N", help="Seed topologies to judge. [default: 256; paper: 500 steps]"),
]
Minutes = Annotated[
    float | None,
    typer.Option("--minutes", metavar="M", help="Judge seeds for two thirds of M minutes only (not reproducible)."),
]
DataName = Annotated[
    str | None,
    typer.Option("--data", metavar="DATA", help="Images for the NTK: digits, FILE.npz, a folder. [default: noise]"),
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: space and time.")]


def command(
    budget: Budgets = None, protocol: ProtocolName = "default", evaluations: Evaluations = None,
    minutes: Minutes = None, data: DataName = None, seed: Seed = 0, workers: Workers = None,
    out: Out = Path("results"), name: Name = None, num_classes: NumClasses = None, img_size: ImgSize = None,
    in_chans: InChans = None, json: Json = False,
) -> None:  # fmt: skip
    """Scale a vision transformer up to a budget without training it (As-ViT, ICLR 2022), on a CPU.

    First a seed topology: kernels, windows, MLP ratios and heads of a small four-stage ViT, judged at initialisation
    by two scores, LE (how far it stretches a circle of images) and the condition number of its tangent kernel (NTK).
    Then it grows, a block and 5 to 20 % of width a step, whichever the scores like best. Each step is a network: the
    result is a series from the seed to the largest within the budget, in one folder, OUT/NAME, with a report.
    K2 x K3 x K4, the product of the merging kernels, stands beside LE: the trivial score that LE nearly is.

    \b
    Examples:
      nas scale --budget 5GFLOPs                          some ten minutes on two cores
      nas scale --budget 5GFLOPs --budget 30Mparams       two limits at once
      nas scale --budget 2GFLOPs --minutes 3              a short search (not reproducible)
      nas scale --budget 5GFLOPs --data digits            the NTK on real images
      nas scale --budget 5GFLOPs --protocol paper         500 steps of the published policy gradient: hours

    FLOPs means MACs (multiply-accumulates): 5GFLOPs = 5e9 MACs. The same seed and evaluations give the same series,
    whatever the number of workers. Interrupted? 'nas resume OUT/NAME' continues where it stopped.
    --json prints run, networks (step, id, genotype, depth, width, macs, params, le, ntk, merging, candidates), judged,
    failed, tau_le_merging, ended and reproducible.
    """
    from nas.api import load_run
    from nas.cli.search import _command_line, resumable
    from nas.scaling import scale

    options = space_options(num_classes, img_size, in_chans, None)
    with Watch(stderr=json) as watch, resumable() as started:
        found = scale(
            budget or [], protocol=protocol, evaluations=evaluations, minutes=minutes, data=data, seed=seed,
            workers=workers, out=out, name=name, on_question=lambda question: announce(question, stderr=json),
            on_start=lambda path: started(load_run(path)), on_progress=watch, command=_command_line(), **options,
        )  # fmt: skip
    conclude(found, json)


def proceed(run: Path, workers: int | None, json: bool) -> None:
    """``nas resume`` of a scaling."""
    from nas.api import load_run
    from nas.cli.search import resumable
    from nas.scaling import resume_scale

    with Watch(stderr=json) as watch, resumable() as started:
        started(load_run(run))
        found = resume_scale(run, workers=workers, on_progress=watch)
    conclude(found, json)


def report(run: Path, json: bool) -> None:
    """``nas report`` of a scaling."""
    from nas.designers.asvit.folder import load, rebuild

    rebuild(run)
    conclude(load(run), json)


class Watch:
    """Progress: one line that is written over on a terminal; elsewhere a line now and then."""

    EVERY_S = 20.0

    def __init__(self, stderr: bool = False) -> None:
        import sys

        self._stream = sys.stderr if stderr else sys.stdout
        self._live = self._stream.isatty()
        self._said = ("", "")
        self._last = 0.0
        self._begin: float | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *rest: object) -> None:
        if self._live and self._said[0]:
            print(file=self._stream)

    def __call__(self, progress: Any) -> None:
        """Say how far the scaling is."""
        import time

        now = time.monotonic()
        self._begin = now if self._begin is None else self._begin
        news = (progress.phase, progress.text) != self._said or progress.done == progress.total
        if not self._live and not news and now - self._last < self.EVERY_S:
            return
        self._said, self._last = (progress.phase, progress.text), now
        done = f"{progress.done}" if progress.total is None else f"{progress.done} of {progress.total}"
        what = {"seeds": "seed topologies judged", "growth": "growth candidates judged"}[progress.phase]
        text = f"[{now - self._begin:5.0f} s] {done} {what}{', ' + progress.text if progress.text else ''}"
        start, end = ("\r\x1b[2K", "") if self._live else ("", "\n")
        print(f"{start}{text}", end=end, file=self._stream, flush=True)


def announce(question: Question, stderr: bool = False) -> None:
    """What the budget means for the seeds, before anything is judged."""
    from nas.cli.output import console, quantity

    space, out = question.space(), console(stderr)
    out.print(f"{space.name}: {space.size:,} seed topologies; {question.steps} to judge ({question.protocol} protocol)")
    for name, interval in question.limits.intervals.items():
        low, high = (quantity(name, value) for value in space.bounds(name))
        out.print(f"  {name}: seeds have {low} to {high}, grown up to {quantity(name, interval.high)}")


def conclude(found: Series, as_json: bool) -> None:
    """Print the outcome of a finished scaling."""
    from nas.cli.output import emit

    if as_json:
        return emit({"run": str(found.path), **found.document(), "report": str(found.path / "report.html")})
    show(found)


def show(found: Series) -> None:
    """The series as a table, what stands behind its scores, and where everything is."""
    from nas.cli.output import console, quantity, table
    from nas.designers.asvit.report import PRODUCT, baseline

    rows = []
    for step, network in enumerate(found.networks):
        values = [quantity("macs", network.macs, False), quantity("params", network.params, False)]
        scores = ["–" if v is None else f"{v:.4g}" for v in (network.le, network.ntk)]
        rows.append([str(len(found) - 1 - step), network.genotype, *values, *scores, str(network.merging)])
    out = console()
    columns = ["#", "genotype", "MACs (M)", "Params (M)", "LE", "NTK", PRODUCT]
    out.print(table(columns, rows, ("genotype",), f"The series: {len(rows)} networks"))
    out.print(f"{found.ended[0].upper()}{found.ended[1:]}.")
    out.print(f"{baseline(found)}: read LE beside it.", soft_wrap=True)
    if found.failed:
        out.print(f"{found.failed} candidates could not be judged and were passed over; see {found.path}")
    if not found.reproducible:
        out.print("Limited by time, so another run may end with another series.")
    out.print(f"Build the largest:  nas build {found.path}#0   or in Python: nas.create_model({str(found.path)!r}, 0)",
              soft_wrap=True)  # fmt: skip
    out.print("Report:")
    out.print(str(found.path / "report.html"), soft_wrap=True)
