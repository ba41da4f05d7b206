"""POST a request, have a job."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from nas.service.app.actions import submit
from nas.service.app.documented import problems
from nas.service.app.documents import JobBody
from nas.service.app.wire import job_text, json_response
from nas.service.requests import (
    DesignRequest,
    ProfileRequest,
    ScaleRequest,
    SearchRequest,
    StitchRequest,
    TrainRequest,
)
from nas.service.requests import Request as Wanted

router = APIRouter(tags=["submit"])
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, pattern="^[!-~]+$",
        description="The same key with the same request gives the same job, however often it is sent.",
        examples=["6c1f3a3e-6d0b-4f0e-9d7e-0d3c5e0a9b11"],
    ),
]  # fmt: skip
Priority = Annotated[
    int, Query(ge=-1000, le=1000, description="Higher goes first; above 0 needs the scope admin.", examples=[0])
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job, which waits for a runner.",
        "headers": {
            "Location": {"description": "Where to ask for the job.", "schema": {"type": "string"}},
            "Idempotency-Replayed": {
                "description": "`true` where the job was there already.", "schema": {"type": "string"}
            },
        },
    },
    **problems(400, 409, 413, 422),
}  # fmt: skip
POST: dict[str, Any] = {"status_code": 202, "response_model": JobBody, "responses": ACCEPTED}


def _accept(request: Request, wanted: Wanted, key: str | None, priority: int) -> Response:
    job, created = submit(request, wanted, key=key, priority=priority)
    headers = {"Location": f"/v1/jobs/{job.id}"} | ({} if created else {"Idempotency-Replayed": "true"})
    return json_response(job_text(job), 202, headers)


@router.post("/searches", summary="Search a space under a budget", **POST)
def search(request: Request, wanted: SearchRequest, key: Key = None, priority: Priority = 0) -> Response:
    """Explore, judge, recommend: `nas search`."""
    return _accept(request, wanted, key, priority)


@router.post("/designs", summary="Design a CNN by mathematical programming", **POST)
def design(request: Request, wanted: DesignRequest, key: Key = None, priority: Priority = 0) -> Response:
    """With a proven gap: `nas design`."""
    return _accept(request, wanted, key, priority)


@router.post("/scalings", summary="Scale a ViT without training", **POST)
def scale(request: Request, wanted: ScaleRequest, key: Key = None, priority: Priority = 0) -> Response:
    """A series of networks up to a budget: `nas scale`."""
    return _accept(request, wanted, key, priority)


@router.post("/stitches", summary="A front between pretrained networks", **POST)
def stitch(request: Request, wanted: StitchRequest, key: Key = None, priority: Priority = 0) -> Response:
    """For a short fine-tune: `nas stitch`."""
    return _accept(request, wanted, key, priority)


@router.post("/trainings", summary="Train a supernet or an architecture", **POST)
def train(request: Request, wanted: TrainRequest, key: Key = None, priority: Priority = 0) -> Response:
    """On data in a data root: `nas train`."""
    return _accept(request, wanted, key, priority)


@router.post("/profiles", summary="Make a device profile", **POST)
def profile(request: Request, wanted: ProfileRequest, key: Key = None, priority: Priority = 0) -> Response:
    """Measured, imported, few-shot or roofline: `nas profile`."""
    return _accept(request, wanted, key, priority)
