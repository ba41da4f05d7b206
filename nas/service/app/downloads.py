"""Files of a run: its report, and its architectures as JSON, ONNX and weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from nas.service.app.documented import file_response, not_modified, problems
from nas.service.app.state import Index, JobId, Reader, Service, ServiceOf
from nas.service.app.wire import tagged, unchanged
from nas.service.security.hiding import hide
from search_spaces import Architecture

router = APIRouter(tags=["runs"], dependencies=[Reader])
NOT_FOUND = problems(404, 422) | not_modified()
META_POLICY = re.compile(r'http-equiv="Content-Security-Policy"\s+content="([^"]{1,4000})"')
SANDBOX = "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"


@router.get(
    "/runs/{id}/report", response_class=Response, summary="Its report",
    responses=NOT_FOUND | {200: file_response("text/html", "One page that loads nothing.")},
)  # fmt: skip
async def report(id: JobId, request: Request, service: ServiceOf) -> Response:
    """As `nas search` writes it. It runs in a sandbox: its script can reach neither the service nor its cookie."""
    path = service.settings.runs.resolve() / id / "report.html"
    try:
        if path.resolve() != path:
            raise FileNotFoundError  # a link: what a run leaves there is its own, or nothing
        tag = f'"{path.stat().st_mtime_ns:x}"'
        same = unchanged(request, tag)
        return await to_thread.run_sync(_report, path, tag) if same is None else same
    except OSError:
        await to_thread.run_sync(service.store.job, id)
        raise HTTPException(404, "this job has no report, or not yet, or not on this host") from None


def _report(path: Path, tag: str) -> Response:
    text = path.read_text(encoding="utf-8")
    own = META_POLICY.search(text[:20_000])
    policy = own[1].replace("&#39;", "'").rstrip("; ") if own else "default-src 'none'; style-src 'unsafe-inline'"
    return Response(
        hide(text), media_type="text/html", headers=tagged(tag) | {"Content-Security-Policy": f"{policy}; {SANDBOX}"}
    )


@router.get(
    "/runs/{id}/architectures/{index}/model.json", response_class=Response, summary="Download the architecture",
    responses=NOT_FOUND | {200: file_response("application/json", "What `nas build FILE.json` reads.")},
)  # fmt: skip
def model_json(id: JobId, index: Index, request: Request, service: ServiceOf) -> Response:
    """The architecture alone."""
    found = _document(service, id, index)
    architecture = Architecture.of(found["space"], found["config"], found.get("options", {}))
    tag = f'"{architecture.id}-json"'
    named = _attachment(architecture, ".json")
    return unchanged(request, tag) or Response(
        architecture.to_json(), media_type="application/json", headers=tagged(tag) | named
    )


@router.get(
    "/runs/{id}/architectures/{index}/model.onnx", response_class=Response, summary="Download it as ONNX",
    responses=NOT_FOUND | {200: file_response("application/octet-stream", "One self-contained file, verified.")},
)  # fmt: skip
async def model_onnx(id: JobId, index: Index, request: Request, service: ServiceOf) -> Response:
    """Made when it is first asked for, which takes some ten seconds; weights as in weights.safetensors."""
    return await _file(service, request, id, index, "model.onnx")


@router.get(
    "/runs/{id}/architectures/{index}/weights.safetensors", response_class=Response, summary="Download its weights",
    responses=NOT_FOUND | {200: file_response("application/octet-stream", "Tensors and nothing else.")},
)  # fmt: skip
async def weights(id: JobId, index: Index, request: Request, service: ServiceOf) -> Response:
    """Trained ones where the run trained any, else fresh ones, drawn under seed 0."""
    return await _file(service, request, id, index, "weights.safetensors")


Name = Literal["model.onnx", "weights.safetensors"]


async def _file(service: Service, request: Request, job: str, index: int, name: Name) -> Response:
    found = await to_thread.run_sync(_document, service, job, index)
    architecture = Architecture.of(found["space"], found["config"], found.get("options", {}))
    tag = f'"{architecture.id}-{name}"'
    if same := unchanged(request, tag):
        return same
    path = await service.exports.file(job, found | {"id": architecture.id}, name)
    headers = tagged(tag) | _attachment(architecture, path.suffix)
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


def _document(service: Service, job: str, index: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(service.store.architecture(job, index))
    if not {"space", "config"} <= found.keys():
        raise HTTPException(404, "the result of this job is no architecture, so it has no such files")
    return found


def _attachment(architecture: Architecture, suffix: str) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9_-]", "", architecture.space)
    return {"Content-Disposition": f'attachment; filename="{name}-{architecture.id}{suffix}"'}
