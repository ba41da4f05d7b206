"""Runs: jobs that have a front, while they run and after. Read from the store alone, as text that is ready to send."""

from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from nas.service.app.documented import not_modified, problems
from nas.service.app.documents import ArchitectureBody, FrontBody, JobPage
from nas.service.app.jobs import PAGE, Cursor, InState, Limit, OfKind, page_response
from nas.service.app.state import Index, JobId, Reader, ServiceOf
from nas.service.app.wire import dumps, json_response, tagged, unchanged

router = APIRouter(tags=["runs"], dependencies=[Reader])
DOWNLOADS = ("model.json", "model.onnx", "weights.safetensors")
Format = Annotated[Literal["json", "csv"], Query(description="csv: one row per architecture.", examples=["json"])]
FRONT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": "id,macs\n3f1c0a9b2d4e,594021376\n"}}}
}


@router.get("/runs", response_model=JobPage, responses=PAGE, summary="List runs")
def runs(
    service: ServiceOf, kind: OfKind = None, state: InState = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Jobs that have a front, if only so far, newest first."""
    page = service.store.jobs(kind=kind, state=state, with_front=True, limit=limit, cursor=cursor)
    return page_response(page, "/v1/runs", kind=kind, state=state, limit=limit)


@router.get(
    "/runs/{id}/front", response_model=FrontBody, responses=problems(404, 422) | not_modified() | FRONT,
    summary="Its Pareto front",
)  # fmt: skip
def front(id: JobId, request: Request, service: ServiceOf, format: Format = "json") -> Response:
    """So far, or for good (`final`)."""
    version, text = service.store.front(id)
    tag = f'"{version}-{format}"'
    if same := unchanged(request, tag):
        return same
    if format == "json":
        return json_response(text, headers=tagged(tag))
    named = {"Content-Disposition": f'attachment; filename="front-{id[:12]}.csv"'}
    return Response(as_csv(json.loads(text)), media_type="text/csv", headers=tagged(tag) | named)


@router.get(
    "/runs/{id}/architectures/{index}", response_model=ArchitectureBody,
    responses=problems(404, 422) | not_modified(), summary="One architecture of its front",
)  # fmt: skip
def architecture(id: JobId, index: Index, request: Request, service: ServiceOf) -> Response:
    """Its stages, price, latency on each device, code and downloads. There once the run has ended."""
    text = service.store.architecture(id, index)
    tag = f'"{sha256(text.encode()).hexdigest()[:16]}"'
    if same := unchanged(request, tag):
        return same
    place = f"/v1/runs/{id}/architectures/{index}"
    files = DOWNLOADS if '"config":' in text else ()  # what a profile job made is no architecture
    downloads = dumps({"downloads": {name: f"{place}/{name}" for name in files}})
    # Both are JSON objects: joined as text, for parsing a long one only to add to it is most of the work.
    return json_response(f"{text.rstrip()[:-1]},{downloads[1:]}", headers=tagged(tag))


def as_csv(document: dict[str, Any]) -> str:
    """A front as CSV, a header first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(document["columns"])
    for row in document["rows"]:
        writer.writerow(row if isinstance(row, list) else [row.get(c) for c in document["columns"]])
    return out.getvalue()
