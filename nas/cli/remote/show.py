"""What a person, or a program, is shown of a service's jobs."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.outcome import _spread
from nas.cli.output import console, emit, heading, quantity, table

if TYPE_CHECKING:
    from nas.client import Client, RemoteJob

LISTED = 50
COLUMNS = ("job", "kind", "what", "state", "user", "created")


def listing(client: Client, url: str, as_json: bool) -> None:
    """The newest jobs, the newest last."""
    jobs = [found.job for found in islice(client.jobs(), LISTED)][::-1]
    if as_json:
        return emit([job.to_dict() for job in jobs])
    if not jobs:
        return console().print(f"no jobs at {url}; submit one with: nas --server {url} search --budget 600MFLOPs")
    rows = [[j.id, j.kind, what(j.request), j.state, j.user, j.created] for j in jobs]
    console().print(table(COLUMNS, rows, left=COLUMNS))
    if len(jobs) == LISTED:
        console().print(f"the newest {LISTED}; all of them: {url}")


def what(request: Any) -> str:
    """A request in a few words: its name or what it is about, and its budget."""
    subject = next((str(request[k]) for k in ("name", "space", "family", "anchors", "device") if request.get(k)), "")
    return " ".join(part for part in (subject, ", ".join(request.get("budget") or ())) if part)[:60]


def conclude(job: RemoteJob, folder: Path | None, as_json: bool) -> None:
    """The outcome of a job that is done. ``folder``: where it was written."""
    front = job.front_document() if job.job.front_version is not None else None
    if as_json:
        return emit(document(job, front, folder))
    out = console()
    if front is not None and front["rows"]:
        _show_front(job, front, folder)
    else:
        for name, value in job.job.summary.items():
            out.print(f"{name}: {value}", soft_wrap=True)
    out.print(f"Online: {job.url}", soft_wrap=True)
    if folder is not None:
        out.print("Written:")
        out.print(str(folder), soft_wrap=True)


def document(job: RemoteJob, front: dict[str, Any] | None, folder: Path | None) -> dict[str, Any]:
    """The outcome as data."""
    rows = [] if front is None else [dict(zip(front["columns"], row, strict=True)) for row in front["rows"]]
    return {
        "job": job.job.to_dict(), "folder": folder, "recommended": None if front is None else front.get("recommended"),
        "front": [{"index": i, **row} for i, row in enumerate(rows)],
    }  # fmt: skip


def _show_front(job: RemoteJob, front: dict[str, Any], folder: Path | None) -> None:
    from nas.cli.remote.collect import names

    out, chosen, rows = console(), front.get("recommended"), front["rows"]
    columns = list(front["columns"])
    shown = [c for c in columns if c not in ("id", "architecture", "activations", "memory")]
    if chosen is not None:
        row = dict(zip(columns, rows[chosen], strict=True))
        figures = ", ".join(f"{heading(c)} {quantity(c, row[c], unit=False)}" for c in shown[:4])
        out.print(f"Recommended: #{chosen} {row['id']}: {figures}", style="bold", soft_wrap=True)
    cells = [_cells(i, dict(zip(columns, rows[i], strict=True)), shown, i == chosen) for i in _some(rows, chosen)]
    title = f"The front: {len(rows)} architectures" + (f", {len(cells)} shown" if len(cells) < len(rows) else "")
    out.print(table(["#", "id", *map(heading, shown)], cells, ("id",), title))
    if folder is not None and chosen is not None:
        file = folder / names(front)[chosen]
        out.print(f"Build it:  nas build {file}   or in Python: nas.create_model({str(file)!r})", soft_wrap=True)


def _some(rows: list[Any], chosen: int | None) -> list[int]:
    return _spread(len(rows), set() if chosen is None else {chosen})


def _cells(index: int, row: dict[str, Any], columns: list[str], recommended: bool) -> list[str]:
    texts = [quantity(c, row[c], unit=False) if not isinstance(row[c], str) else row[c] for c in columns]
    return [f"{index}{' *' if recommended else ''}", str(row["id"]), *texts]
