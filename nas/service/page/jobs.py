"""The list of jobs, one job, its front and its architectures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from nas.service.app import actions
from nas.service.jobs import STATES, Job
from nas.service.page import describing
from nas.service.page.cards import DOWNLOADS, Card, kinds_text
from nas.service.page.commands import command_line
from nas.service.page.fronts import Front, points, spans
from nas.service.page.published import markers
from nas.service.page.templating import environment, render
from nas.service.security.hiding import hide, hide_in
from nas.service.store import JobStore

A_PAGE = 50
LOG_LINES = 400
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def store_of(request: Request) -> JobStore:
    """The store behind this server."""
    found: JobStore = request.app.state.store
    return found


def shown(job: Job) -> Job:
    """The job as it may be shown: what it says of itself names no path of the host."""
    return replace(job, progress=hide_in(dict(job.progress)), problem=hide_in(job.problem))


def front_of(store: JobStore, job: Job) -> Front | None:
    """The latest front of a job, None while it has none."""
    return Front.read(*store.front(job.id)) if job.front_version is not None else None


def listing(
    request: Request, kind: str = "", state: str = "", cursor: Annotated[str, Query(pattern="^[0-9a-f]{0,32}$")] = ""
) -> Response:
    """Jobs, newest first."""
    chosen = {"kind": kind if kind in describing.KINDS else "", "state": state if state in STATES else ""}
    asked: dict[str, Any] = {name: value for name, value in chosen.items() if value}
    page = store_of(request).jobs(**asked, limit=A_PAGE, cursor=cursor or None)
    following = f"/?{urlencode({**asked, 'cursor': page.next_cursor})}" if page.next_cursor else ""
    return render(
        request, "jobs.html", jobs=[shown(job) for job in page.jobs], next=following, chosen=chosen, older=bool(cursor),
        address=str(request.base_url).rstrip("/"),
    )  # fmt: skip


def one(request: Request, job_id: JobId, chosen: int | None = None) -> Response:
    """A job: how far it is, its front, the chosen (else the recommended) architecture, its request."""
    store = store_of(request)
    job = store.job(job_id)
    front = front_of(store, job)
    row = _row(front, chosen)
    return render(
        request, "job.html", **_status(store, job), front=front, chips=describing.chips(job),
        spans=spans(front) if front else "", points=points(front) if front else None, index=row,
        card=_card(store, job, row) if front and row is not None else None, downloads=DOWNLOADS, kinds_text=kinds_text,
        markers=_markers(job), command=command_line(job), request_json=json.dumps(dict(job.request), indent=2),
        collection=COLLECTIONS.get(job.kind, job.kind),
    )  # fmt: skip


COLLECTIONS = {
    "search": "searches", "design": "designs", "scale": "scalings", "stitch": "stitches", "train": "trainings",
    "profile": "profiles",
}  # fmt: skip


def status(request: Request, job_id: JobId) -> Response:
    """The part of a job's page that moves."""
    store = store_of(request)
    return render(request, "job_status.html", **_status(store, store.job(job_id)))


def front_points(request: Request, job_id: JobId) -> Response:
    """The front for the plot's script, with the table beside it as HTML."""
    store = store_of(request)
    job = store.job(job_id)
    front = front_of(store, job)
    if front is None:
        return JSONResponse(None, headers={"Cache-Control": "no-store"})
    table = environment().get_template("front_table.html").render(front=front, job=job)
    document = {**points(front), "spans": spans(front), "table": table}
    return JSONResponse(document, headers={"Cache-Control": "no-store"})


def architecture(request: Request, job_id: JobId, index: Annotated[int, Path(ge=0)], part: str = "") -> Response:
    """One architecture of a job's front, as a page or (``part=card``) as a fragment."""
    store = store_of(request)
    job = store.job(job_id)
    front = front_of(store, job)
    if front is None or index >= len(front.rows):
        raise HTTPException(404, f"this job's front has no row {index}")
    template = "architecture_card.html" if part == "card" else "architecture.html"
    return render(
        request, template, job=job, front=front, index=index, card=_card(store, job, index), downloads=DOWNLOADS,
        kinds_text=kinds_text,
    )  # fmt: skip


def cancel(request: Request, job_id: JobId) -> Response:
    """The button without scripts: back to the job."""
    actions.cancel(request, job_id)
    return RedirectResponse(f"/jobs/{job_id}", 303)


def delete(request: Request, job_id: JobId) -> Response:
    """The button without scripts: back to the list."""
    actions.delete(request, job_id)
    return RedirectResponse("/", 303)


def _status(store: JobStore, job: Job) -> dict[str, Any]:
    lines = [(n, time, hide(line)) for n, time, line in store.log(job.id)[-LOG_LINES:]]
    return {"job": shown(job), "figures": describing.figures(job), "lines": lines}


def _row(front: Front | None, chosen: int | None) -> int | None:
    if front is None or not front.rows:
        return None
    return chosen if chosen is not None and 0 <= chosen < len(front.rows) else front.recommended or 0


def _card(store: JobStore, job: Job, index: int) -> Card:
    """Its drawing; while the front may still change, only its figures."""
    from nas.errors import NasError

    try:
        return Card(json.loads(store.architecture(job.id, index)))
    except NasError:
        return Card({})


def _markers(job: Job) -> dict[str, Any]:
    space = job.summary.get("space") or job.request.get("space")
    return markers(str(space), job.request.get("options") or {}) if space else {"names": [], "values": {}}


def add(routes: APIRouter) -> None:
    """Put them where they are served."""
    routes.add_api_route("/", listing, methods=["GET"])
    routes.add_api_route("/jobs/{job_id}", one, methods=["GET"])
    routes.add_api_route("/jobs/{job_id}/status", status, methods=["GET"])
    routes.add_api_route("/jobs/{job_id}/points", front_points, methods=["GET"])
    routes.add_api_route("/jobs/{job_id}/architectures/{index}", architecture, methods=["GET"])
    routes.add_api_route("/jobs/{job_id}/cancel", cancel, methods=["POST"])
    routes.add_api_route("/jobs/{job_id}/delete", delete, methods=["POST"])
