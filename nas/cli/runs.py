"""``nas runs``: what is in the results folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.options import Json, Out

if TYPE_CHECKING:
    from nas.runs.run import Run

COLUMNS = ("run", "space", "budget", "status", "front", "seed", "created")


def command(out: Out = Path("results"), json: Json = False) -> None:
    """List the runs of a folder, oldest first.

    \b
    Examples:
      nas runs
      nas runs --out elsewhere --json
    """
    from nas.cli.output import console, emit, table
    from nas.errors import RunError
    from nas.runs.run import list_runs

    if not out.is_dir():
        raise RunError(f"{out} is no folder; runs are made by: nas search --out {out}")
    rows = [_facts(run) for run in list_runs(out)]
    if json:
        emit(rows)
    elif not rows:
        console().print(f"no runs in {out}; make one with: nas search --space elasticvit --budget 600MFLOPs")
    else:
        texts = [[str(row[c]) if row[c] is not None else "–" for c in COLUMNS] for row in rows]
        console().print(table(COLUMNS, texts, left=("space", "budget", "status", "created")))


def _facts(run: Run) -> dict[str, Any]:
    return {
        "run": str(run.path), "id": run.id, "name": run.name, "space": run.spec.space,
        "budget": ", ".join(run.spec.budgets) or "none",
        "status": run.status if run.status == "done" else "unfinished",
        "front": _front_size(run), "seed": run.spec.seed, "created": run.document.get("created"),
        "recommended": run.document.get("recommended"),
    }  # fmt: skip


def _front_size(run: Run) -> int | None:
    """Rows of ``front.csv``, None where there is none."""
    try:
        with (run.path / "front.csv").open() as lines:
            return max(0, sum(1 for _ in lines) - 1)
    except OSError:
        return None
