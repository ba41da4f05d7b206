"""``nas compare``: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from nas.runs.compare import Comparison

Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Two run folders or more.")]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def command(runs: Runs, json: Json = False) -> None:
    """Compare runs: hypervolume on a common reference, the fronts merged and overlaid, the best by objective.

    Hypervolume is the share of the box between a common reference point and the best values of all runs: comparable
    within one comparison, not between two.

    \b
    Example:
      nas compare results/first results/second
    """
    from nas.cli.output import emit
    from nas.runs.compare import compare

    found = compare(runs)
    emit(_document(found)) if json else _show(found)


def _document(found: Comparison) -> dict[str, Any]:
    return {
        "objectives": {o.name: o.direction for o in found.objectives}, "reference": found.reference,
        "runs": [vars(s) for s in found.standings], "merged": found.merged.to_dict("records"),
    }  # fmt: skip


def _show(found: Comparison) -> None:
    from nas.cli.output import console, heading, quantity, table
    from nas.cli.overlay import overlay

    out = console()
    names = [o.name for o in found.objectives]
    best = [f"best {heading(n)}" for n in names]
    columns = ["run", "budget", "seed", "front", "hypervolume", "on merged", "alone", *best]
    rows = [
        [f"{_letter(i)} {s.path}", s.budget, str(s.seed), str(s.front_size), f"{s.hypervolume:.4f}",
         str(s.contributes), str(s.alone), *(quantity(n, s.best[n], unit=False) for n in names)]
        for i, s in enumerate(found.standings)
    ]  # fmt: skip
    out.print(table(columns, rows, left=("budget",)))
    spaces = {s.space for s in found.standings}
    if len(spaces) > 1:
        out.print(f"note: these runs searched different spaces ({', '.join(sorted(spaces))})")
    shares = ", ".join(f"{_letter(i)} {s.contributes}" for i, s in enumerate(found.standings))
    out.print(f"Merged front: {len(found.merged)} architectures; of these {shares} (shared ones count for each).")
    if len(names) > 1:
        for line in overlay(found):
            out.print(line, soft_wrap=True)


def _letter(index: int) -> str:
    return LETTERS[index % len(LETTERS)]
