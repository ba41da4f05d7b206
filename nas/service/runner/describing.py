"""What the store keeps of a finished run: its front as a table, and each architecture with all that a page shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas.service.jobs import Result
from nas.service.runner.latencies import latencies

if TYPE_CHECKING:
    from nas.objectives import Objective
    from nas.runs.run import Run
    from search_spaces import Architecture, SearchSpace

CODE = 'import nas\n\nmodel = nas.create_model("model.json")  # as downloaded here'


def result_of(run: Run) -> Result:
    """Everything of a finished run: of a search, a design, a scaling or a stitching."""
    from nas.runs.report_data import recommendation, title

    front = run.front.drop(columns="architecture")
    rows = [[_plain(value) for value in row] for row in front.itertuples(index=False)]
    columns = [str(c) for c in front.columns]
    table = front_document(columns, rows, run.spec.objective_list, run.recommended, final=True)
    best = front.iloc[run.recommended]
    summary = {
        "title": title(run), "space": run.space.name, "budget": list(run.spec.budgets), "rows": len(rows),
        "recommended": {c: _plain(best[c]) for c in columns}, "reproducible": run.document.get("reproducible", True),
    }  # fmt: skip
    if run.document.get("kind") not in ("design", "scale"):
        summary["headline"] = recommendation(run, front).headline
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return Result(summary, table, _documents(run, named))


def front_document(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], objectives: Iterable[Objective], recommended: int | None,
    final: bool,
) -> dict[str, Any]:  # fmt: skip
    """A front as JSON: rows in the order of ``columns``, ``id`` first, in base units."""
    goals = [{"name": o.name, "direction": o.direction, "unit": o.unit, "label": o.label, "scale": o.scale} for o in
             objectives]  # fmt: skip
    return {"columns": list(columns), "objectives": goals, "rows": rows, "recommended": recommended, "final": final}


def _documents(run: Run, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The architectures of a run's front: as the report's cards have them, with structure, prices and latencies."""
    from nas.runs.report_data import card

    common = described(run.space, [run.architecture(i) for i in range(len(rows))], rows)
    cards = [asdict(card(run, i)) for i in range(len(rows))]
    return [shown | facts | {"code": CODE, "weights": None} for shown, facts in zip(cards, common, strict=True)]


def described(
    space: SearchSpace, architectures: Sequence[Architecture], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What holds of architectures wherever they come from; ``rows`` are theirs of the front."""
    predicted = latencies([space.operators(architecture) for architecture in architectures])
    return [
        {"id": a.id, "index": i, "space": a.space, "config": a.config, "options": a.options,
         "price": {k: v for k, v in row.items() if k != "id"}, "latency": found}
        for i, (a, row, found) in enumerate(zip(architectures, rows, predicted, strict=True))
    ]  # fmt: skip


def _plain(value: Any) -> Any:
    """A cell of a table as JSON has it: no NaN, no NumPy."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
