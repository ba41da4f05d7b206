"""``nas design deepmad --sweep``: a front of designs in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nas.cli.failures import INTERRUPTED

if TYPE_CHECKING:
    from nas.designers.sweep import Sweep


def run_sweep(
    problem: Any, budgets: list[str], text: str, certificate: Path | None, out: Path, name: str | None, json: bool,
    limits: dict[str, Any],
) -> None:  # fmt: skip
    """Solve for every value, write the folder, show the front."""
    from nas.cli.design import new_place
    from nas.cli.design_view import Moves
    from nas.cli.output import emit
    from nas.designers.sweep import Range, check_sweep, sweep_designs
    from nas.errors import NasError

    if certificate is not None:
        raise NasError("--certificate is of one design; a sweep writes certificates/ into its folder")
    swept = Range.parse(text)
    check_sweep(problem, budgets, swept)
    path = new_place(out, name, problem.family)

    def watch(index: int, limit: float) -> Moves:
        return Moves(stderr=json, label=f"{index + 1}/{swept.n} {swept.text(index)} ")

    found = sweep_designs(problem, swept, on_point=watch, **limits)
    if not found.designs:
        typer.echo("interrupted before the first design; nothing was written", err=True)
        raise typer.Exit(INTERRUPTED)
    made = _save(found, path)
    emit({"run": str(made), **document(found)}) if json else show(found, made)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def _save(found: Sweep, path: Path) -> Path:
    from nas.cli.search import _command_line
    from nas.designers.folder import save
    from nas.designers.infeasible import said

    notes = {"Sweep": str(found.swept)}
    if found.left_out:
        notes["Infeasible"] = ", ".join(said(found.swept.quantity, v, up=False) for v, _ in found.left_out)
    swept = found.swept.quantity
    return save(found.designs, path.parent, path.name, swept=swept, command=_command_line(), notes=notes)


def document(found: Sweep) -> dict[str, Any]:
    """The front as JSON: each design as ``nas design --json`` prints one."""
    left_out = [{"limit": value, "why": why} for value, why in found.left_out]
    return {"designs": [d.document() for d in found.designs], "infeasible": left_out, "interrupted": found.interrupted}


def show(found: Sweep, path: Path) -> None:
    """The front as a table."""
    from nas.cli.output import console, quantity, table
    from nas.designers.report import gap_text

    rows = [
        [str(i), f"{d.objective:,.2f}", gap_text(d.gap), quantity("macs", d.macs), quantity("params", d.params),
         f"{d.rho:.4f}"] for i, d in enumerate(found.designs)
    ]  # fmt: skip
    out = console()
    columns = ("#", "objective", "gap", "MACs", "parameters", "rho")
    out.print(table(columns, rows, title=f"The front: {len(rows)} designs"))
    for value, why in found.left_out:
        out.print(f"left out at {value:,.0f}: {why}", soft_wrap=True)
    out.print(f"Build one:  nas build {path}#0     Check its proof:  nas design verify {path}/certificates/ID.json",
              soft_wrap=True)  # fmt: skip
    out.print(str(path / "report.html"), soft_wrap=True)
