"""The OpenAPI document: its head, the statuses that every route may give, and how they look."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from nas.service.app.documents import ProblemBody
from nas.service.problems import MEDIA_TYPE

DESCRIPTION = """Neural architecture search as a service.

A `POST` returns a job at once (202, `Location`). Watch it as server-sent events or poll it; its front is there while it
still runs. *MACs* are multiply-accumulates, what papers of these search spaces call FLOPs: `600MFLOPs` = 600e6 MACs.
Files are named `ROOT/relative/path`, where ROOT is a data root of the server."""
TAGS = [
    {"name": "submit", "description": "Start jobs."},
    {"name": "jobs", "description": "State, progress, log, events; cancel and delete."},
    {"name": "runs", "description": "Jobs that have a front: its rows, its architectures, its files."},
    {"name": "catalogue", "description": "Spaces, devices and proxies, with their evidence; prices."},
    {"name": "operations", "description": "Health and metrics."},
]
WHY = {
    400: "A body that cannot be read.",
    401: "No token, or a wrong one.",
    403: "A token without the scope, more than a quota allows, another user's job, or a foreign Host or Origin.",
    404: "There is none.",
    409: "The job's state, or the idempotency key, does not allow it.",
    413: "The body is too large.",
    422: "A request that makes no sense; `detail` says what is wrong and what would be right.",
    429: "Too many requests, waiting jobs, streams or exports; `Retry-After` says when to come back, if that helps.",
    503: "The job store does not answer; `Retry-After` says when to come back.",
}
ALWAYS = (401, 403, 429, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may also give these."""
    return {status: _documented(status) for status in sorted({*ALWAYS, *statuses})}


def open_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route that asks for no token."""
    return {status: _documented(status) for status in sorted(statuses)}


def file_response(media_type: str, description: str) -> dict[str, Any]:
    """The documented 200 of a download."""
    schema = {"type": "object"} if media_type.endswith("json") else {"type": "string", "format": "binary"}
    return {"description": description, "content": {media_type: {"schema": schema}}}


def not_modified() -> dict[int | str, dict[str, Any]]:
    """The documented 304 of a result with an entity tag."""
    return {304: {"description": "What the client has (`If-None-Match`) is the latest."}}


def _documented(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": WHY[status]}
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    found: dict[str, Any] = {
        "description": WHY[status], "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }  # fmt: skip
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="nas", version=version("nas"), description=DESCRIPTION, routes=app.routes, tags=TAGS,
        )  # fmt: skip
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in _schemas().items():
            schemas.setdefault(name, schema)
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "Not needed on loopback while there is none."}
        }
        needed: list[dict[str, list[str]]] = [{"token": []}]
        if app.state.service.settings.loopback:
            needed.append({})  # or none, while the store has no token
        for path, operations in made["paths"].items():
            if path.startswith(("/v1/", "/metrics")):
                for operation in operations.values():
                    operation["security"] = needed
        app.openapi_schema = made
    return app.openapi_schema


def methods(app: FastAPI, path: str) -> str:
    """Every method of a documented path, for ``Allow``: the router names those of the first route only."""
    for pattern, operations in document(app)["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path):
            return ", ".join(sorted(method.upper() for method in operations))
    return ""


def _schemas() -> dict[str, Any]:
    schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "ProblemBody": schema}
