"""Jobs: state, progress, log; cancel and delete."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from nas.service.app.actions import cancel as cancel_job
from nas.service.app.actions import delete as delete_job
from nas.service.app.documented import not_modified, problems
from nas.service.app.documents import JOB_ID, JobBody, JobPage, Kind, LogBody
from nas.service.app.state import JobId, Reader, ServiceOf
from nas.service.app.wire import dumps, job_document, job_text, json_response, tagged, unchanged
from nas.service.jobs import Page, State
from nas.service.security.hiding import hide

router = APIRouter(tags=["jobs"])
COLLECTIONS: dict[Kind, str] = {
    "search": "searches", "design": "designs", "scale": "scalings", "stitch": "stitches", "train": "trainings",
    "profile": "profiles",
}  # fmt: skip
OfKind = Annotated[Kind | None, Query(description="Only jobs of this kind.", examples=["search"])]
InState = Annotated[State | None, Query(description="Only jobs in this state.", examples=["running"])]
Limit = Annotated[int, Query(ge=1, le=200, description="Jobs on a page.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(pattern="^[0-9a-f]{32}$", description="`next_cursor` of the page before.", examples=[JOB_ID]),
]
PAGE = problems(422) | {
    200: {"headers": {"Link": {"description": 'The next page, `rel="next"`.', "schema": {"type": "string"}}}}
}


def page_response(page: Page, path: str, **asked: str | int | None) -> Response:
    """A page of jobs, with where the next one is."""
    text = dumps({"jobs": [job_document(j) for j in page.jobs], "next_cursor": page.next_cursor})
    if page.next_cursor is None:
        return json_response(text)
    query = urlencode({k: v for k, v in (asked | {"cursor": page.next_cursor}).items() if v is not None})
    return json_response(text, headers={"Link": f'<{path}?{query}>; rel="next"'})


@router.get("/jobs", response_model=JobPage, responses=PAGE, dependencies=[Reader], summary="List jobs")
def jobs(
    service: ServiceOf, kind: OfKind = None, state: InState = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Newest first, of every user."""
    page = service.store.jobs(kind=kind, state=state, limit=limit, cursor=cursor)
    return page_response(page, "/v1/jobs", kind=kind, state=state, limit=limit)


def _lists(kind: Kind, path: str) -> None:
    """The jobs of one kind under its own collection."""

    @router.get(
        f"/{path}", response_model=JobPage, responses=PAGE, dependencies=[Reader], tags=["submit"],
        summary=f"List {path}", operation_id=f"list_{path}",
    )  # fmt: skip
    def of_kind(service: ServiceOf, state: InState = None, limit: Limit = 50, cursor: Cursor = None) -> Response:
        """Newest first, of every user."""
        page = service.store.jobs(kind=kind, state=state, limit=limit, cursor=cursor)
        return page_response(page, f"/v1/{path}", state=state, limit=limit)


for _kind, _path in COLLECTIONS.items():
    _lists(_kind, _path)


@router.get(
    "/jobs/{id}", response_model=JobBody, responses=problems(404, 422) | not_modified(), dependencies=[Reader],
    summary="One job",
)  # fmt: skip
def job(id: JobId, request: Request, service: ServiceOf) -> Response:
    """State, progress, and what came of it."""
    found = service.store.job(id)
    tag = f'"{found.version}"'
    return unchanged(request, tag) or json_response(job_text(found), headers=tagged(tag))


@router.get(
    "/jobs/{id}/log", response_model=LogBody, responses=problems(404, 422), dependencies=[Reader], summary="Its log"
)
def log(
    id: JobId, service: ServiceOf,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only lines after this number.", examples=[0])] = 0,
) -> Response:  # fmt: skip
    """The last 5,000 lines at most; `last` is what to ask for next time."""
    found = service.store.log(id, after)
    lines = [{"n": n, "time": time, "line": hide(line)} for n, time, line in found]
    return json_response(dumps({"lines": lines, "last": found[-1][0] if found else after}))


@router.post("/jobs/{id}/cancel", response_model=JobBody, responses=problems(404, 422), summary="Cancel it")
def cancel(id: JobId, request: Request) -> Response:
    """At once where it waits, soon where it runs (`cancelling`); one that has ended stays as it is."""
    return json_response(job_text(cancel_job(request, id)))


@router.delete("/jobs/{id}", status_code=204, responses=problems(404, 409, 422), summary="Delete it")
def delete(id: JobId, request: Request) -> Response:
    """With its front and its files. One that has not ended must be cancelled first (409)."""
    delete_job(request, id)
    return Response(status_code=204)
