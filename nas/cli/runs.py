"""``nas runs``: what is in the results folder, searches and trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.options import Json, Out

if TYPE_CHECKING:
    from nas.runs.run import Run

COLUMNS = ("run", "kind", "what", "status", "best", "seed", "created")
LEFT = ("kind", "what", "status", "best", "created")


def command(out: Out = Path("results"), json: Json = False) -> None:
    """List the runs and trainings of a folder, oldest first.

    \b
    Examples:
      nas runs
      nas runs --out elsewhere --json
    """
    from nas.cli.output import console, emit, table
    from nas.errors import RunError
    from nas.runs.run import list_runs
    from nas.runs.trainings import list_trainings

    if not out.is_dir():
        raise RunError(f"{out} is no folder; runs are made by: nas search --out {out}")
    rows = [_facts(run) for run in list_runs(out)] + list_trainings(out)
    rows.sort(key=lambda row: str(row["created"]))
    if json:
        emit([{name: value for name, value in row.items() if name not in ("what", "best")} for row in rows])
    elif not rows:
        console().print(f"no runs in {out}; make one with: nas search --space elasticvit --budget 600MFLOPs")
    else:
        texts = [[_text(c, row[c]) for c in COLUMNS] for row in rows]
        console().print(table(COLUMNS, texts, left=LEFT))


def _text(column: str, value: Any) -> str:
    if value is None:
        return "–"
    return str(value)[:16].replace("T", " ") if column == "created" else str(value)


def _facts(run: Run) -> dict[str, Any]:
    budget, front = ", ".join(run.spec.budgets) or "none", _front_size(run)
    return {
        "run": str(run.path), "id": run.id, "name": run.name, "space": run.spec.space, "budget": budget,
        "kind": run.document.get("kind") or ("supernet search" if "supernet" in run.document else "search"),
        "status": run.status if run.status == "done" else "unfinished",
        "front": front, "seed": run.spec.seed, "created": run.document.get("created"),
        "recommended": run.document.get("recommended"),
        "what": f"{run.spec.space}, {'no budget' if budget == 'none' else budget}",
        "best": None if front is None else f"front of {front}",
    }  # fmt: skip


def _front_size(run: Run) -> int | None:
    """Rows of ``front.csv``, None where there is none."""
    try:
        with (run.path / "front.csv").open() as lines:
            return max(0, sum(1 for _ in lines) - 1)
    except OSError:
        return None
