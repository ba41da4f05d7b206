"""How values are written: jobs as JSON, events of a stream, entity tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from nas.service.jobs import Job
from nas.service.security.hiding import hide_in

JSON = "application/json"
REVALIDATE = "private, no-cache"
"""Of results with an entity tag: keep it, and ask whether it is still the latest."""


def job_document(job: Job) -> dict[str, Any]:
    """A job as every answer shows it; what a failure says names no path of the host."""
    return job.to_dict() | {"progress": hide_in(dict(job.progress)), "problem": hide_in(job.problem)}


def job_text(job: Job) -> str:
    """The same as JSON."""
    return dumps(job_document(job))


def dumps(document: Any) -> str:
    """JSON without spaces, on one line."""
    return json.dumps(document, separators=(",", ":"))


def json_response(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that is text already."""
    return Response(text, status, media_type=JSON, headers=dict(headers or {}))


def event(name: str, text: str, version: int | None = None) -> bytes:
    """One server-sent event; ``text`` has no line breaks.

    Only jobs carry a version, and come after their front: whoever resumes after one has seen both.
    """
    identity = "" if version is None else f"id: {version}\n"
    return f"event: {name}\n{identity}data: {text}\n\n".encode()


def unchanged(request: Request, tag: str) -> Response | None:
    """304 where the client has what ``tag`` names, else None."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=tagged(tag)) if tag in given or given == ["*"] else None


def tagged(tag: str) -> dict[str, str]:
    """Headers of a result with an entity tag."""
    return {"ETag": tag, "Cache-Control": REVALIDATE}
