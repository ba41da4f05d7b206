"""Every request: timed, logged, counted, numbered; and a failure nobody foresaw answered without a word about it."""

from __future__ import annotations

import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nas.service.operations.logs import LOGGER, log
from nas.service.operations.metrics import Metrics
from nas.service.problems import problem

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class Observed:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and take notes."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status, request = time.perf_counter(), 0, uuid.uuid4().hex[:16]

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:
            LOGGER.exception("a request failed", extra={"facts": {"request": request, "path": scope["path"]}})
            if status:
                raise
            await problem(500, f"the server failed; its log says why under request {request}")(scope, receive, noted)
        finally:
            self._note(scope, status, request, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, request: str, seconds: float) -> None:
        route = _route(scope)
        if not route.endswith("/events"):  # a stream lasts for as long as somebody watches
            self._metrics.request(scope["method"], route, status, seconds)
        if scope["path"] in QUIET:
            return
        user = getattr(scope.get("state", {}).get("user"), "name", None)
        client = (scope.get("client") or ("unknown",))[0]
        log(
            "request", request=request, method=scope["method"], path=scope["path"], status=status,
            ms=round(seconds * 1e3, 1), user=user, client=client,
        )  # fmt: skip


def _route(scope: Scope) -> str:
    """The pattern that matched, with the prefix of its router."""
    path: str = getattr(scope.get("route"), "path", "none")
    return f"/v1{path}" if scope["path"].startswith("/v1/") and path != "none" and not path.startswith("/v1/") else path
