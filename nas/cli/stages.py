"""An operator table by stage, as rows for a table or for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.cli.output import heading, quantity, table

if TYPE_CHECKING:
    from search_spaces import Architecture, OperatorTable, SearchSpace

COUNTS = ("macs", "params", "activations", "memory")


def totals(operators: OperatorTable) -> dict[str, int]:
    """The four counts of a table of one architecture."""
    return {
        "macs": int(operators.macs[0]), "params": int(operators.params[0]),
        "activations": int(operators.activations[0]), "memory": int(operators.memory_bytes[0]),
    }  # fmt: skip


def stage_rows(operators: OperatorTable) -> list[dict[str, Any]]:
    """One row per stage: its name, how many operators it has, its counts."""
    return [{"stage": name, "operators": len(part), **totals(part)} for name, part in operators.by_stage()]


def described(space: SearchSpace, architecture: Architecture) -> list[dict[str, Any]]:
    """The same with the kind, depth, width, output side and details of each stage of a space."""
    facts = {s.name: s for s in space.summary(architecture)}
    rows = stage_rows(space.operators(architecture))
    return [row | _shape(facts[row["stage"]]) if row["stage"] in facts else row for row in rows]


def _shape(s: Any) -> dict[str, Any]:
    return {"kind": s.kind, "depth": s.depth, "width": s.width, "side": s.side, "detail": s.detail}


def stage_table(rows: list[dict[str, Any]], total: dict[str, Any]) -> Any:
    """A table for people, with a line of totals."""
    shapes = [c for c in ("kind", "depth", "width", "side", "detail") if any(c in row for row in rows)]
    body = [[row["stage"], *(str(row.get(c, "")) for c in shapes), *_counts(row)] for row in rows]
    last = ["total", *[""] * len(shapes), *_counts(total)]
    return table(["stage", *shapes, *map(heading, COUNTS)], [*body, last], left=("kind", "detail"))


def _counts(row: dict[str, Any]) -> list[str]:
    return [quantity(c, row[c], unit=False) for c in COUNTS]
