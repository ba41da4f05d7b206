"""``nas design score``: the objective, effectiveness and counts of a structure that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json

File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON: a design, an architecture, or a released list.")]
Rules = Annotated[str, typer.Option("--convention", metavar="NAME", help="sound, or released: as the released code.")]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("score", short_help="Score a structure as the designer would.")(command)


def command(structure: File, convention: Rules = "sound", json: Json = False) -> None:
    """Score a structure as the designer does: objective, score, penalty, rho, MACs and parameters.

    \b
    Examples:
      nas design score structure.json
      nas design score released-list.json --convention released --json
    """
    from nas.cli.output import console, emit, quantity
    from nas.designers.question import convention_of
    from nas.designers.scoring import score_structure

    read, found = score_structure(structure, convention)
    values = {"objective": found.objective, "score": found.score, "penalty": found.penalty, "rho": found.rho}
    counts = {"macs": round(found.amounts[convention_of(convention).flops]), "params": round(found.amounts["params"])}
    if json:
        return emit({**values, **counts, "structure": read.to_json()})
    out = console()
    out.print(f"{structure}: objective {found.objective:,.2f} (score {found.score:,.2f} - penalty {found.penalty:.2f})")
    macs, params = quantity("macs", counts["macs"]), quantity("params", counts["params"])
    out.print(f"rho {found.rho:.4f}, {macs} MACs, {params} parameters ({convention} counting)")
