"""``nas design``: networks by mathematical programming, with a proven gap; and the check of that proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import design_score, design_verify
from nas.cli.options import ImgSize, Json, Seed, seconds

app = typer.Typer(
    name="design", rich_markup_mode=None, add_completion=False, invoke_without_command=True,
    help="""Design a network on a CPU, without training; with a proof of how good it can at most get.

\b
  nas design deepmad --family resnet --budget 1.82GFLOPs --budget 11.69Mparams --out results
  nas design verify results/NAME
  nas design score structure.json

Every one of them has --json.""",
)  # fmt: skip

Family = Annotated[
    str, typer.Option("--family", metavar="NAME", help="resnet, resnet_basic, mobilenet or mobilenet_se.")
]
Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="LIMIT", help="Upper limit, repeatable: 1.82GFLOPs, 11.69Mparams."),
]
Rho = Annotated[
    float | None,
    typer.Option("--rho", metavar="R", help="Depth per width, above 0, at most 2. [default: 0.3; 0.5 if depthwise]"),
]
GridFile = Annotated[
    Path | None,
    typer.Option("--grid", metavar="FILE", help="JSON of widths, kernels, depths. [default: multiples of 8]"),
]
Gap = Annotated[float, typer.Option("--gap", metavar="G", help="Stop at this gap; 0: prove it optimal.")]
Time = Annotated[str, typer.Option("--time", metavar="T", help="Stop after it (each design of a sweep): 90s, 5m, 1h.")]
Rules = Annotated[str, typer.Option("--convention", metavar="NAME", help="sound, or released: as the released code.")]
Head = Annotated[int | None, typer.Option("--head", metavar="N", help="Width of the 1x1 head; 0: none.")]
Strides = Annotated[str | None, typer.Option("--strides", metavar="LIST", help="Of the stages, such as 2,2,2,1,2.")]
Workers = Annotated[int | None, typer.Option("--workers", metavar="N", help="Processes; default all CPUs, at most 8.")]
Sweep = Annotated[
    str | None,
    typer.Option("--sweep", metavar="RANGE", help="A front of designs: params=5M..50M:8, macs=0.5G..5G:6."),
]
Certificate = Annotated[Path | None, typer.Option("--certificate", metavar="FILE", help="Write the proof here.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Write a folder with report and proof in here.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name; default: family and time.")]


@app.callback()
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("deepmad", short_help="A CNN of the largest entropy under budgets, and the proven gap.")
def deepmad(
    family: Family = "resnet", budget: Budgets = None, rho: Rho = None, grid: GridFile = None, gap: Gap = 0.005,
    time: Time = "60s", convention: Rules = "sound", head: Head = None, strides: Strides = None,
    img_size: ImgSize = None, seed: Seed = 0, workers: Workers = None, sweep: Sweep = None,
    certificate: Certificate = None, out: Out = None, name: Name = None, json: Json = False,
) -> None:  # fmt: skip
    """Solve for the CNN of the largest entropy under the budgets (DeepMAD, CVPR 2023), on a CPU.

    Prints the best objective so far, a bound that no network of the grid exceeds, and the gap between them, as they
    move; ends at --gap or --time. Then the design stage by stage, which limits bind and what 1 % more of each would
    buy. Ctrl-C ends the solve and keeps the best so far with its gap: that is a result like any other (exit code 0).
    A sweep that is interrupted writes the designs it has and exits with 130.

    \b
    Examples:
      nas design deepmad --budget 1.82GFLOPs --budget 11.69Mparams
      nas design deepmad --family mobilenet_se --budget 4.5GFLOPs --budget 29Mparams --rho 0.5 --time 5m
      nas design deepmad --budget 4GFLOPs --grid widths.json --gap 0 --certificate proof.json
      nas design deepmad --budget 4GFLOPs --sweep params=5M..50M:8 --out results --name front

    FLOPs means MACs (1.82GFLOPs = 1.82e9 MACs), parameters include the classifier of 1000 classes. With --convention
    released both are counted as the released code does (its FLOPs, no classifier), in budgets and in the answer.
    The residual families take a budget on activations too (5Mactivations).
    --json prints objective, score (before the depth penalty), penalty, bound, gap, macs, params, rho, seconds and
    structure; bound and gap are null where the time ended before there was a bound.
    """
    from nas.designers.question import problem_of

    problem = problem_of(
        family, budget or _swept(sweep), rho=rho, convention=convention, grid=grid, strides=_strides(strides),
        head=head, img_size=img_size or 224,
    )  # fmt: skip
    limits: dict[str, Any] = {"gap": gap, "time_s": seconds(time), "seed": seed, "workers": workers}
    if sweep is not None:
        from nas.cli.design_sweep import run_sweep

        return run_sweep(problem, budget or [], sweep, certificate, out or Path("results"), name, json, limits)
    _one(problem, certificate, out if out or not name else Path("results"), name, json, limits)


def _one(
    problem: Any, certificate: Path | None, out: Path | None, name: str | None, json: bool, limits: dict[str, Any]
) -> None:
    from nas.cli.design_view import Moves, show_design
    from nas.cli.output import emit
    from nas.designing import answer

    made = new_place(out, name, problem.family) if out else None
    if certificate is not None:
        _check_writable(certificate)
    with Moves(stderr=json) as moves, _no_result():
        found = answer(problem, on_progress=moves, **limits)
    written = [found.save_certificate(certificate)] if certificate else []
    if json:
        emit(found.document())
    else:
        show_design(found)
    if made:
        from nas.cli.search import _command_line
        from nas.designers.folder import save

        written.append(save([found], made.parent, made.name, command=_command_line()))
    for path in written:
        typer.echo(f"written: {path}", err=json)


def _check_writable(file: Path) -> None:
    """Before the work begins: the file's folder is there and takes it. Raises NasError."""
    import os

    from nas.errors import NasError

    if file.is_dir() or not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise NasError(
            f"--certificate {file} cannot be written: name a file in a folder that exists and can be written"
        )


def new_place(out: Path, name: str | None, family: str) -> Path:
    """Where the folder will be, checked before the work begins."""
    from datetime import UTC, datetime

    from nas.runs.place import place

    return place(out, name or f"{family}-{datetime.now(UTC):%Y%m%d-%H%M%S}")


class _no_result:
    """An interrupt before there is any design: exit code 130."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            print("interrupted before the first design; nothing was written", file=sys.stderr)
            raise typer.Exit(130)


def _strides(text: str | None) -> list[int] | None:
    if text is None:
        return None
    from nas.errors import NasError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise NasError(f"--strides {text!r:.60} must be numbers such as 2,2,2,1,2") from None


def _swept(sweep: str | None) -> list[str] | None:
    """A sweep alone is budget enough: its largest value stands in until each point has its own."""
    if sweep is None:
        return None
    from nas.designers.sweep import Range

    return [Range.parse(sweep).text(-1)]


design_verify.add_to(app)
design_score.add_to(app)
