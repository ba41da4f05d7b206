"""For whoever operates the server: does it live, is it ready, what are its figures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from nas.service.app.documented import open_problems, problems
from nas.service.app.documents import Health
from nas.service.app.state import Reader, ServiceOf
from nas.service.app.wire import json_response

router = APIRouter(tags=["operations"])
FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "In Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/healthz", response_model=Health, responses=open_problems(403), summary="Does it live?")
async def healthz() -> Response:
    """Answers as long as the process does. Asks for no token."""
    return json_response('{"status":"alive"}')


@router.get("/readyz", response_model=Health, responses=open_problems(403, 503), summary="Is it ready?")
def readyz(service: ServiceOf) -> Response:
    """503 while the job store does not answer. Asks for no token."""
    service.store.ping()
    return json_response('{"status":"ready"}')


@router.get(
    "/metrics", response_class=Response, responses=problems() | FIGURES, dependencies=[Reader], summary="Its figures"
)
def metrics(service: ServiceOf) -> Response:
    """Jobs by state, age of the queue, latency of requests, open streams, the process."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
