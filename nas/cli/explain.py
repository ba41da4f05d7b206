"""``nas explain``: where the milliseconds go on a device, and which operators waste it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.latency.gap import Explanation, Operator, Share

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="SPACE:NAME, RUN, RUN#INDEX, FILE.json or timm:NAME.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="A device profile ('nas devices'), or its file.")]
MOST = 10


def command(arch: Arch, device: Device, json: Json = False) -> None:
    """Say where the milliseconds of an architecture go on a device: per stage, per kind, and the worst operators.

    Efficiency is the time that the multiply-accumulates alone would take at the device's peak, over the real time; the
    gap between both is what an operator wastes.

    \b
    Examples:
      nas explain elasticvit:S1 --device pixel6
      nas explain results/RUN#3 --device pixel6 --json
      nas explain timm:mobilenetv3_large_100 --device pixel4
    """
    from nas.sources import operator_table
    from predictors.latency import load_profile
    from predictors.latency.gap import explain

    explanation = explain(load_profile(device), operator_table(arch))
    if json:
        from nas.cli.output import emit

        return emit({"name": arch, **explanation.to_dict()})
    _show(arch, explanation)


def _show(name: str, found: Explanation) -> None:
    from nas.cli.output import console, table

    out = console()
    out.print(f"{name} on {found.title}: {found.ms:.4g} ms (90 % interval {found.low:.4g} to {found.high:.4g} ms)")
    columns = ("operators", "ms", "share", "efficiency")
    out.print(table(("stage", *columns), [_share(s) for s in found.by("stage")]))
    out.print(table(("kind", *columns), [_share(s) for s in found.by("kind")]))
    worst = [_operator(o) for o in found.wasteful(MOST)]
    out.print(table(("widest gap", "kind", "ms", "at peak", "efficiency", "measured"), worst, ("kind", "measured")))
    out.print(
        f"waterline: {found.waterline:.0%} of a peak of {found.peak / 1e9:.4g} GMAC/s ({found.peak_source}); closing "
        f"the gap would leave {found.ms * found.waterline:.4g} ms"
    )
    for warning in found.warnings:
        out.print(f"note: {warning}")


def _share(share: Share) -> list[str]:
    return [share.name, str(share.count), f"{share.ms:.4g}", f"{share.share:.1%}", f"{share.efficiency:.0%}"]


def _operator(operator: Operator) -> list[str]:
    place = f"{operator.stage} {operator.name}".strip()
    known = "yes" if operator.measured else "no"
    ideal, efficiency = f"{operator.ideal_ms:.4g}", f"{operator.efficiency:.0%}"
    return [place, operator.kind, f"{operator.ms:.4g}", ideal, efficiency, known]
