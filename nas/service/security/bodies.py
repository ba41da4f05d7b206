"""No body is read beyond its limit."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nas.service.problems import problem


class BodyLimit:
    """ASGI middleware: 413 by ``Content-Length`` before anything is read, else while it is read."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isdecimal() or int(said[:18]) > self._most:
            return await problem(413, self._reason)(scope, receive, send)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, self._reason)
            return message

        await self.app(scope, counted, send)

    @property
    def _reason(self) -> str:
        return f"a body has at most {self._most:,} bytes"
