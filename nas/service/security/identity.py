"""Who asks: a bearer token, the page's cookie, or whoever sits at a machine whose server nobody else can reach."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nas.errors import NasError
from nas.service.problems import of_error, problem
from nas.service.security.principal import LOCAL, Principal
from nas.service.security.rates import RateLimit
from nas.service.settings import Settings
from nas.service.store import JobStore

COOKIE = "nas_token"
REMEMBERED_S = 2.0
"""For as long a token that was found valid is not looked up again: so long a revoked one may still work."""
MOST_REMEMBERED = 1000
GUESSES_PER_S, GUESSES = 0.2, 20
"""Wrong tokens from one address: as many at once, then one every five seconds."""
UNLIMITED = frozenset({"/healthz", "/readyz"})


class Tokens:
    """The store's tokens, each remembered for :data:`REMEMBERED_S`."""

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store, self._loopback = store, settings.loopback
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._open_until, self._open = 0.0, False

    async def find(self, plaintext: str) -> Principal | None:
        """The user of a token. Raises StoreError."""
        digest, now = sha256(plaintext.encode("utf-8", "replace")).hexdigest(), time.monotonic()
        known = self._known.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        self._known.pop(digest, None)
        token = await to_thread.run_sync(self._store.token, plaintext)
        if token is None:
            return None
        self._known[digest] = now + REMEMBERED_S, Principal(token.name, token.scopes)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return self._known[digest][1]

    async def is_open(self) -> bool:
        """Whether nobody needs a token: on loopback, while there is none."""
        if not self._loopback:
            return False
        if time.monotonic() >= self._open_until:
            self._open = not await to_thread.run_sync(self._store.tokens)
            self._open_until = time.monotonic() + REMEMBERED_S
        return self._open


class Identified:
    """ASGI middleware: ``request.state.user`` is a Principal or None; 401 for a wrong token, 429 for too many requests.

    Each user, and each address without one, has a rate of its own, and each address one of wrong tokens.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, settings: Settings) -> None:
        self.app, self._tokens = app, tokens
        self._rates = RateLimit(settings.rate_per_s, settings.burst)
        self._guesses = RateLimit(GUESSES_PER_S, GUESSES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say who it is and pass on, or refuse."""
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            scope.setdefault("state", {})["user"] = None
            return await self.app(scope, receive, send)
        headers, address = Headers(scope=scope), (scope.get("client") or ("unknown",))[0]
        try:
            user, wrong = await self._who(headers)
        except NasError as error:
            return await of_error(error)(scope, receive, send)
        if wrong and (wait := self._guesses.wait_s(address)):
            return await _slower(wait)(scope, receive, send)
        if wrong and "authorization" in headers:
            said = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return await problem(401, "this token is unknown, revoked or expired", headers=said)(scope, receive, send)
        if wait := self._rates.wait_s(f"user {user.name}" if user and user is not LOCAL else address):
            return await _slower(wait)(scope, receive, send)
        scope.setdefault("state", {})["user"] = user
        await self.app(scope, receive, send)

    async def _who(self, headers: Headers) -> tuple[Principal | None, bool]:
        """(the user, whether a token was given that is none)."""
        given = _bearer(headers) if "authorization" in headers else _cookie(headers)
        user = await self._tokens.find(given) if given else None
        if user is not None:
            return user, False
        if "authorization" in headers:
            return None, True
        # A cookie of old, of another server on this machine, or of a token since revoked: as if there were none.
        return (LOCAL, False) if await self._tokens.is_open() else (None, given is not None)


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers["authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _slower(wait_s: float) -> Response:
    return problem(429, "too many requests; slow down", headers={"Retry-After": str(math.ceil(wait_s))})
