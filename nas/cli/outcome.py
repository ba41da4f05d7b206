"""The end of a search: one recommended architecture and why, the front, where the report is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.cli.output import console, heading, quantity, table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from nas.report import Recommendation
    from nas.runs.run import Run

ROWS = 12
"""Rows of the front that are printed; all of them are in front.csv."""


def document(run: Run) -> dict[str, Any]:
    """The outcome as data."""
    from nas.runs.report_data import recommendation

    front = run.front
    chosen = recommendation(run, front)
    rows = [{"index": i, **row} for i, row in enumerate(front.to_dict("records"))]
    return {
        "run": str(run.path), "name": run.name, "status": run.status, "space": run.spec.space,
        "space_options": run.spec.space_options, "budgets": list(run.spec.budgets),
        "objectives": list(run.spec.objectives), "reproducible": bool(run.document.get("reproducible", True)),
        "survey": run.document.get("survey"), "predictor": run.document.get("predictor"),
        "recommended": {
            **rows[chosen.index], "reasons": list(chosen.reasons), "confidence": chosen.confidence,
            "neighbours": [{"index": i, "text": text} for i, text in chosen.neighbours],
        },
        "front": rows, "report": str(run.path / "report.html"),
    }  # fmt: skip


def show(run: Run) -> None:
    """The outcome for people; the last line is the path of the report."""
    from nas.runs.report_data import recommendation

    front = run.front
    chosen = recommendation(run, front)
    out = console()
    out.print()
    _recommend(out, run, front, chosen)
    out.print(_front_table(run, front, chosen))
    _next_steps(out, run, chosen.index)


def _recommend(out: Console, run: Run, front: pd.DataFrame, chosen: Recommendation) -> None:
    from rich.padding import Padding

    from nas.runs.trained import predictor_note

    out.print(f"Recommended: #{chosen.index} {chosen.headline}", style="bold", soft_wrap=True)
    lines = [f"why: {'; '.join(chosen.reasons)}", f"how sure: {chosen.confidence}"]
    if note := predictor_note(run):
        lines.append(f"predictor of the search: {note}")
    lines += [f"next to it: #{i} {front['id'].iloc[i]}, {text}" for i, text in chosen.neighbours]
    for line in lines:
        out.print(Padding(line, (0, 0, 0, 2)))
    failed = run.store.scores().query("status != 'ok'")["architecture"].nunique() if run.spec.judges else 0
    if failed:
        out.print(f"  note: {failed} architectures could not be judged (see the report)")
    if not run.document.get("reproducible", True):
        out.print("  note: limited by time, so another run may end with another front")


def _front_table(run: Run, front: pd.DataFrame, chosen: Recommendation) -> Any:
    columns = list(
        dict.fromkeys(
            ["macs", "params", *run.spec.device_quantities, "accuracy", *run.spec.objectives, *run.spec.judges]
        )
    )
    columns = [c for c in columns if c in front]
    shown = _spread(len(front), {chosen.index, *(i for i, _ in chosen.neighbours)})
    rows = [_row(front, i, columns, i == chosen.index) for i in shown]
    left_out = len(front) - len(shown)
    more = f", {len(shown)} shown, all in {run.path / 'front.csv'}" if left_out else ""
    return table(["#", "id", *map(heading, columns)], rows, ("id",), f"The front: {len(front)} architectures{more}")


def _row(front: pd.DataFrame, i: int, columns: list[str], recommended: bool) -> list[str]:
    row = front.iloc[i]
    return [f"{i}{' *' if recommended else ''}", str(row["id"]), *(quantity(c, row[c], unit=False) for c in columns)]


def _spread(size: int, always: set[int]) -> list[int]:
    """At most ``ROWS`` rows: those in ``always``, and others spread evenly over the front with its ends."""
    if size <= ROWS:
        return list(range(size))
    last = max(ROWS - len(always) - 1, 1)
    return sorted({round(i * (size - 1) / last) for i in range(last + 1)} | always)


def _next_steps(out: Console, run: Run, index: int) -> None:
    out.print(f"Build it:  nas build {run.path}#{index}   or in Python: nas.create_model({str(run.path)!r}, {index})",
              soft_wrap=True)  # fmt: skip
    if "supernet" in run.document and not run.is_stitched:
        supernet = run.document["supernet"]["path"]
        out.print(f"With its weights:  nas extract {supernet} {run.path}#{index} --out my-model", soft_wrap=True)
    out.print(f"Hand it on:  nas export {run.path}#{index} --format onnx --out model.onnx", soft_wrap=True)
    if run.is_stitched:
        out.print(f"Both have the trained weights. On the test images:  nas evaluate {run.path}/supernet "
                  f"{run.path}#{index}", soft_wrap=True)  # fmt: skip
    out.print("Report:")
    out.print(str(run.path / "report.html"), soft_wrap=True)
