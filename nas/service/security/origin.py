"""Only this server's own pages, and programs, may talk to it: not another site's script in the user's browser.

``Host`` must be a name the server goes by: a site that lets its own name point at 127.0.0.1 (DNS rebinding) would
else be of the same origin. ``Origin`` and ``Sec-Fetch-Site``, where a browser sends them, must be the server's.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nas.service.problems import problem
from nas.service.settings import Settings, is_loopback

HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class OwnOrigin:
    """ASGI middleware that answers 403 to anything else. Off loopback without ``hosts``, any ``Host`` will do."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._hosts = frozenset(name.lower().strip("[]") for name in settings.hosts)
        self._any = not is_loopback(settings.host) and not settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "http" and (reason := self._wrong(scope["method"], Headers(scope=scope))):
            await problem(403, reason)(scope, receive, send)
        elif scope["type"] in ("http", "lifespan"):
            await self.app(scope, receive, send)

    def _wrong(self, method: str, headers: Headers) -> str:
        hosts = headers.getlist("host")
        name = _name(hosts[0]) if len(hosts) == 1 else ""
        if not name or not (self._any or is_loopback(name) or name in self._hosts):
            return "this server does not go by the name in the Host header (nas serve --allow-host adds one)"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != hosts[0].lower():
            return "a request from another site's page"
        if method not in SAFE and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return "a request from another site's page"
        return ""


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where it is no such header."""
    match = HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else ""
