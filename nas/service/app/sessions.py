"""Signing in for the page: a token becomes a cookie that no script reads and no other site sends."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from nas.service.app.actions import note
from nas.service.app.state import ServiceOf
from nas.service.problems import problem
from nas.service.security.identity import COOKIE

router = APIRouter(include_in_schema=False)
WEEK_S = 7 * 24 * 3600


@router.post("/login")
async def login(request: Request, service: ServiceOf) -> Response:
    """A form with ``token`` and ``next``, a path of this server to go to."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    token, after = form.get("token", [""])[0].strip(), local(form.get("next", ["/"])[0])
    found = await to_thread.run_sync(service.store.token, token)
    address = request.client.host if request.client else "unknown"
    await to_thread.run_sync(
        note, service, found.name if found else "anonymous", "login", address, "done" if found else "refused"
    )
    if found is None:
        return _refused(request, after)
    response = RedirectResponse(after, 303)
    # No expiry is claimed beyond a week; the token's own still holds.
    response.set_cookie(
        COOKIE, token, max_age=WEEK_S, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


@router.post("/logout")
async def logout() -> Response:
    """Forget the cookie; the token stays valid."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def to_login(path: str) -> Response:
    """Where a browser that has not signed in is sent; a cookie that was no good goes."""
    response = RedirectResponse(f"/login?{urlencode({'next': local(path)})}", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for something to show."""
    return "text/html" in request.headers.get("accept", "")


def local(path: str) -> str:
    r"""``path`` if it leads to this server and nowhere else (not ``//evil``, ``/\evil``), else ``/``."""
    parts = urlsplit(path) if path.isprintable() and "\\" not in path else None
    fine = parts is not None and not parts.scheme and not parts.netloc and path.startswith("/") and path[1:2] != "/"
    return path if fine else "/"


def _refused(request: Request, after: str) -> Response:
    if wants_page(request):
        return RedirectResponse(f"/login?{urlencode({'failed': 1, 'next': after})}", 303)
    return problem(401, "this token is unknown, revoked or expired", headers={"WWW-Authenticate": "Bearer"})
