"""Server-sent events: jobs as they change, fronts as they fill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from nas.service.app.documented import problems
from nas.service.app.feed import Subscription
from nas.service.app.state import JobId, Reader, Service, ServiceOf
from nas.service.app.wire import event, job_text
from nas.service.jobs import Job
from nas.service.store import JobNotFound

router = APIRouter(tags=["jobs"])
LastEventId = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, le=2**63 - 1, description="What was seen last; sent by browsers."),
]
EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["job", "front", "deleted"]},
        "id": {"type": "string", "description": "Of a job: its version."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `job` (its version is `id`), `front` (of one job: its front), `deleted` (its id).",
        "content": {"text/event-stream": {"itemSchema": EVENT}},
    }
}
OVER: dict[int | str, dict[str, Any]] = {204: {"description": "It has ended and there is nothing new."}}
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get(
    "/jobs/{id}/events", response_class=Response, responses=problems(404, 422) | STREAM | OVER,
    dependencies=[Reader], summary="Watch one job",
)  # fmt: skip
async def job_events(id: JobId, service: ServiceOf, last: LastEventId = None) -> Response:
    """The job and its front as they are, then whenever they change; the stream ends after the job has."""
    subscription = _subscribed(service, id)
    try:
        job = await to_thread.run_sync(service.store.job, id)
        if last is not None and last >= job.version and job.finished_for_good:
            service.feed.unsubscribe(subscription)
            return Response(status_code=204, headers=HEADERS)  # tells EventSource not to come back
        first = b"" if last is not None and last >= job.version else await _now(service, job)
    except BaseException:
        service.feed.unsubscribe(subscription)
        raise
    subscription.after = job.version
    if job.finished_for_good:
        subscription.close()
    return _stream(service, subscription, first)


@router.get("/events", response_class=Response, responses=problems(422) | STREAM, dependencies=[Reader],
            summary="Watch all jobs")  # fmt: skip
async def events(service: ServiceOf, last: LastEventId = None) -> Response:
    """Every job whenever it changes, from now on, or from what was seen last."""
    subscription = _subscribed(service, None, service.feed.version)
    missed: list[Job] = []
    if last is not None:
        try:
            missed = await to_thread.run_sync(service.store.changed_since, last)
        except BaseException:
            service.feed.unsubscribe(subscription)
            raise
        subscription.after = max([subscription.after, *(job.version for job in missed)])
    return _stream(service, subscription, b"".join(event("job", job_text(j), j.version) for j in missed))


def _subscribed(service: Service, job: str | None, after: int = 0) -> Subscription:
    if len(service.feed) >= service.settings.streams:
        raise HTTPException(429, "too many streams are open; try again", headers={"Retry-After": "10"})
    return service.feed.subscribe(job, after)


async def _now(service: Service, job: Job) -> bytes:
    """The front, where there is one, and the job."""
    front = b""
    if job.front_version is not None:
        try:
            front = event("front", (await to_thread.run_sync(service.store.front, job.id))[1])
        except JobNotFound:  # deleted just now
            front = b""
    return front + event("job", job_text(job), job.version)


def _stream(service: Service, subscription: Subscription, first: bytes) -> Response:
    until = asyncio.get_running_loop().time() + service.settings.stream_s

    async def chunks() -> AsyncIterator[bytes]:
        yield first or b": connected\n\n"
        async for chunk in subscription.chunks(until):
            yield chunk

    return _Stream(chunks(), service, subscription)


class _Stream(StreamingResponse):
    """Its subscription ends with it, whether or not anything was ever sent."""

    def __init__(self, chunks: AsyncIterator[bytes], service: Service, subscription: Subscription) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers=HEADERS)
        self._feed, self._subscription = service.feed, subscription

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.unsubscribe(self._subscription)
