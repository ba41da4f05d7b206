"""``nas search``: explore a space under a budget and recommend an architecture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import (
    Family,
    ImgSize,
    InChans,
    Json,
    NumClasses,
    Option,
    Out,
    RayAddress,
    Seed,
    Storage,
    Workers,
    seconds,
    space_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas.runs.run import Run

Space = Annotated[str, typer.Option("--space", metavar="NAME", help="Search space; 'nas spaces' lists them.")]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget", metavar="LIMIT", help="Repeatable: 600MFLOPs, 400..600MFLOPs, 6Mparams, 4Mactivations, 50MB."
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option("--objective", metavar="NAME", help="Goal, repeatable; default capacity (up) and macs (down)."),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(
        "--proxy",
        metavar="NAME",
        help="Training-free judge, repeatable; 'none': no judging. [default: two]",
    ),
]
Candidates = Annotated[int, typer.Option("--candidates", metavar="N", help="Architectures to price in all.")]
Promote = Annotated[
    int, typer.Option("--promote", metavar="N", help="Survivors to judge by proxies at the end (half as many midway).")
]
Time = Annotated[
    str | None,
    typer.Option("--time", metavar="T", help="Stop by then, judging included, whatever is left: 90s, 5m, 1h."),
]
Supernet = Annotated[
    Path | None,
    typer.Option("--supernet", metavar="FOLDER", help="Judge by accuracy with this trained supernet's weights."),
]
Evaluations = Annotated[int, typer.Option("--evaluations", metavar="N", help="Subnets to evaluate with --supernet.")]
Islands = Annotated[int, typer.Option("--islands", metavar="N", help="Populations that exchange their best.")]
OF_SPACE = (
    "space", "proxy", "candidates", "promote", "time", "workers", "islands", "num_classes", "img_size", "in_chans",
    "family", "option", "ray_address", "storage",
)  # fmt: skip
"""Options of a search of a space, which a supernet's has no use for."""
PROGRAMS = ("nas", "nas.exe", "__main__.py")
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: space and time.")]


def command(
    context: typer.Context,
    space: Space = "elasticvit", budget: Budgets = None, objective: Objectives = None, proxy: Proxies = None,
    candidates: Candidates = 200_000, promote: Promote = 32, time: Time = None, workers: Workers = None,
    islands: Islands = 2, seed: Seed = 0, out: Out = Path("results"), name: Name = None, num_classes: NumClasses = None,
    img_size: ImgSize = None, in_chans: InChans = None, family: Family = None, option: Option = None,
    ray_address: RayAddress = None, storage: Storage = None, supernet: Supernet = None, evaluations: Evaluations = 64,
    json: Json = False,
) -> None:  # fmt: skip
    """Find the best architectures of a space under a budget; recommend one.

    First says what the budget means in the space: smallest, typical and largest cost, how many architectures fit,
    satisfiable or not. Then prices candidates exactly by the operator table (no training, no GPU), lets training-free
    proxies judge the survivors, and ends with one recommended architecture, why, how sure that is, and the whole
    Pareto front. Everything lands in one folder, OUT/NAME: report.html, front.csv, front.png, architectures/*.json.

    \b
    Examples:
      nas search --budget 600MFLOPs                          the default: a minute or two on a laptop
      nas search --budget 600MFLOPs --budget 6Mparams        two limits at once
      nas search --budget 400..600MFLOPs --img-size 224      an interval, one resolution
      nas search --objective capacity --objective params     another trade-off
      nas search --budget 300MFLOPs --num-classes 10         a classifier for 10 classes
      nas search --budget 600MFLOPs --time 5m                stop after five minutes (not reproducible)
      nas search --budget 600MFLOPs --ray-address auto       on a Ray cluster
      nas search --supernet results/SUPERNET --budget 20MFLOPs    by accuracy with inherited weights

    FLOPs means MACs (multiply-accumulates): 600MFLOPs = 600e6 MACs. MB limits the peak activation memory of one
    float32 image. The same seed and candidates give the same front.csv, whatever the number of workers.
    Interrupted? 'nas resume OUT/NAME' continues where it stopped.
    """
    from nas.api import search
    from nas.cli.announce import announce
    from nas.cli.watch import watching
    from nas.errors import NasError

    _refuse_unused(context, supernet)
    limit_s = seconds(time)
    if workers == 0 and ray_address:
        raise NasError("--workers 0 runs without Ray, --ray-address asks for it: choose one")
    if supernet is not None:
        from nas.supernet.api import search_supernet

        with watching(json) as watch, resumable() as started:
            run = search_supernet(
                supernet, budget or None, evaluations=evaluations, objectives=objective or None, seed=seed, out=out,
                name=name, on_survey=lambda facts: announce(facts, stderr=json), on_start=started, on_update=watch,
                command=_command_line(),
            )  # fmt: skip
        return conclude(run, json)
    with watching(json, ray=workers != 0) as watch, resumable() as started:
        run = search(
            space, budget or None, objectives=objective or None, proxies=_proxies(proxy), candidates=candidates,
            promote=promote, time_s=limit_s, workers=workers, islands=islands, seed=seed, out=out, name=name,
            ray_address=ray_address, storage=storage, on_survey=lambda facts: announce(facts, stderr=json),
            on_start=started, on_update=watch, command=_command_line(),
            **space_options(num_classes, img_size, in_chans, family, option),
        )  # fmt: skip
    conclude(run, json)


def _refuse_unused(context: typer.Context, supernet: Path | None) -> None:
    """What is typed has an effect. Raises NasError."""
    from nas.cli.unused import refuse_unused

    if supernet is None:
        refuse_unused(context, ["evaluations"], "goes with --supernet FOLDER")
    else:
        refuse_unused(context, OF_SPACE, "has no effect with --supernet: its training fixed the space and the data, "
                      "and subnets are evaluated one by one here (--evaluations says how many)")  # fmt: skip


def _proxies(chosen: list[str] | None) -> list[str] | None:
    return [] if chosen == ["none"] else chosen or None


def _command_line() -> str:
    import shlex

    return shlex.join(["nas", *sys.argv[1:]]) if Path(sys.argv[0]).name in PROGRAMS else ""


def conclude(run: Run, as_json: bool) -> None:
    """Print the outcome of a finished run."""
    from nas.cli.outcome import document, show

    if as_json:
        from nas.cli.output import emit

        emit(document(run))
    else:
        show(run)


class resumable:
    """Turns Ctrl-C into exit code 130 and the command that continues the run; call it with the run once known."""

    def __init__(self) -> None:
        self._run: Run | None = None

    def __enter__(self) -> Callable[[Run], None]:
        return self._know

    def _know(self, run: Run) -> None:
        self._run = run

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            kept = f"continue it with: nas resume {self._run.path}" if self._run else "nothing was written"
            typer.echo(f"interrupted; {kept}", err=True)
            raise typer.Exit(130)
