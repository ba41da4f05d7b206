"""Several runs side by side: their fronts in one plot, and what each adds to the front that they make together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from nas.engine.pareto import non_dominated
from nas.errors import NasError
from nas.report.formatting import is_number
from nas.service.jobs import Job
from nas.service.page import describing
from nas.service.page.columns import Column
from nas.service.page.fronts import Front, default_axes, points
from nas.service.page.jobs import front_of, store_of
from nas.service.page.published import markers
from nas.service.page.templating import render
from nas.service.store import JobStore

MOST_RUNS = 8
OFFERED = 60
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Entry:
    """One run in a comparison; ``contributes`` rows of its front no row of the others beats, in what all share."""

    job: Job
    front: Front
    contributes: int
    best: dict[str, float]


def compare(request: Request, runs: str | None = None, run: list[str] = Query(default=[])) -> Response:  # noqa: B008
    """``?runs=A,B`` (or, from the form, ``run=A&run=B``)."""
    store = store_of(request)
    wanted = list(dict.fromkeys([*re.split(r"[,\s]+", runs or ""), *run]))
    found = _found(store, [w for w in wanted if _ID.fullmatch(w)][:MOST_RUNS])
    shared = _shared([front for _, front in found])
    entries = _entries(found, [c for c in shared if c.objective] or shared)
    offered = store.jobs(with_front=True, limit=OFFERED).jobs
    chosen = [entry.job.id for entry in entries]
    return render(
        request, "compare.html", entries=entries, shared=shared, chosen=chosen, runs=_offered(offered, entries),
        goals=[c for c in shared if c.objective], document=_document(entries, shared), most=MOST_RUNS,
        lost=len([w for w in wanted if w]) - len(entries),
    )  # fmt: skip


def _found(store: JobStore, wanted: Sequence[str]) -> list[tuple[Job, Front]]:
    found = []
    for identity in wanted:
        try:
            job = store.job(identity)
            front = front_of(store, job)
        except NasError:
            continue
        if front is not None and front.rows:
            found.append((job, front))
    return found


def _offered(offered: Sequence[Job], entries: Sequence[Entry]) -> list[Job]:
    """Runs to choose from; those that are shown come first, however old."""
    shown = [entry.job for entry in entries]
    return [*shown, *(job for job in offered if job.id not in {one.id for one in shown})]


def _shared(fronts: Sequence[Front]) -> list[Column]:
    """Columns that every front has; objectives are those of all."""
    if not fronts:
        return []
    common = set.intersection(*({c.name for c in front.columns} for front in fronts))
    goals = set.intersection(*({c.name for c in front.columns if c.objective} for front in fronts))
    ordered = sorted((c for c in fronts[0].columns if c.name in common), key=lambda c: c.name not in goals)
    return [Column(c.name, c.label, c.unit, c.scale, c.digits, c.better, c.name in goals) for c in ordered]


def _entries(found: Sequence[tuple[Job, Front]], goals: Sequence[Column]) -> list[Entry]:
    goals = [c for c in goals if c.better]
    costs = [_costs(front, goals) for _, front in found]
    stands = non_dominated(np.concatenate(costs)) if found and goals else np.zeros(0, dtype=bool)
    ends = np.cumsum([len(c) for c in costs])
    parts = np.split(stands, ends[:-1]) if found else []
    return [
        Entry(job, front, int(part.sum()), {c.name: _best(front, c) for c in goals})
        for (job, front), part in zip(found, parts, strict=True)
    ]


def _costs(front: Front, goals: Sequence[Column]) -> np.ndarray[Any, np.dtype[np.float64]]:
    signs = np.array([-1.0 if c.better == "max" else 1.0 for c in goals])
    rows = [[row.get(c.name) if is_number(row.get(c.name)) else np.nan for c in goals] for row in front.rows]
    values = np.array(rows, dtype=float).reshape(len(rows), len(goals)) * signs
    return np.where(np.isnan(values), np.inf, values)


def _best(front: Front, column: Column) -> float:
    values = [row[column.name] for row in front.rows if is_number(row.get(column.name))]
    return max(values) if column.better == "max" else min(values)


def _document(entries: Sequence[Entry], shared: Sequence[Column]) -> dict[str, Any]:
    """What the plot's script reads."""
    fronts = [{**points(e.front), "name": describing.title(e.job), "job": e.job.id} for e in entries]
    return {
        "columns": [c.to_dict() for c in shared], "axes": default_axes(shared), "fronts": fronts,
        "published": _published(entries),
    }  # fmt: skip


def _published(entries: Sequence[Entry]) -> dict[str, Any]:
    """Of all spaces in the comparison, each once."""
    names: list[str] = []
    values: dict[str, list[Any]] = {}
    seen = set()
    for entry in entries:
        space, options = entry.job.request.get("space"), entry.job.request.get("options") or {}
        if not space or (key := (space, str(options))) in seen:
            continue
        seen.add(key)
        more = markers(str(space), options)
        for column in {*values, *more["values"]}:
            before = values.get(column, [None] * len(names))
            values[column] = before + more["values"].get(column, [None] * len(more["names"]))
        names += more["names"]
    return {"names": names, "values": values}


def add(routes: APIRouter) -> None:
    """Put it where it is served."""
    routes.add_api_route("/compare", compare, methods=["GET"])
