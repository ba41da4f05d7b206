"""Every failure of a route as a problem; for a browser without a login, as the way to one."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nas.errors import NasError
from nas.service.app.documented import methods
from nas.service.app.sessions import to_login, wants_page
from nas.service.problems import of_error, problem
from nas.service.security.hiding import hide

MOST_ERRORS = 20
NOTHING = "there is nothing at this path; /openapi.json says what there is"


def add_handlers(app: FastAPI) -> None:
    """Register them."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NasError, _ours)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 401 and not path.startswith("/v1/") and wants_page(request):
        return to_login(path + (f"?{request.url.query}" if request.url.query else ""))
    detail = NOTHING if (error.status_code, error.detail) == (404, "Not Found") else str(error.detail)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = methods(request.app, path) or headers.get("Allow", "GET")
    return _shown(request, problem(error.status_code, detail, headers=headers), detail)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, NasError)
    return _shown(request, of_error(error), str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    """Which field, and what was expected; never the value, which may be a secret in the wrong place."""
    assert isinstance(error, RequestValidationError)
    found = [{"field": _field(e["loc"]), "message": _message(e)} for e in error.errors()[:MOST_ERRORS]]
    first = f"{found[0]['field']}: {found[0]['message']}" if found else "the request cannot be read"
    return problem(422, first, kind="urn:nas:problem:invalid-request", errors=found)


def _shown(request: Request, answer: Response, detail: str) -> Response:
    """The answer, as a page where a browser asked for one."""
    if request.url.path.startswith("/v1/") or not wants_page(request) or answer.status_code == 503:
        return answer
    from nas.service.page.failing import page

    return page(request, answer.status_code, hide(detail))


def _field(location: tuple[int | str, ...]) -> str:
    """``budget.0``; where it was looked for stays out of it."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(error: dict[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
