"""HTTP with patience: what a killed or restarting server did not answer is asked again.

Repeating is safe because every request is: reads change nothing, a submission carries an idempotency key, cancelling
twice is cancelling once, and a deletion whose answer was lost finds nothing left to delete.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from nas.client.errors import NotFound, ServerUnreachable, ServiceError, error_of
from nas.errors import NasError

AGAIN = (502, 503, 504)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
QUOTA = "urn:nas:problem:quota-exceeded"
READ_S = 60.0
"""Silence after which an answer counts as lost; streams send something more often than that."""


class Transport:
    """Requests to one service. ``patience_s``: how long a request is repeated before it is given up."""

    def __init__(self, url: str, token: str | None, patience_s: float) -> None:
        self.url = _checked(url)
        self._patience_s = patience_s
        headers = {"User-Agent": "nas-client"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=httpx.Timeout(READ_S, connect=10.0))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, method: str, path: str, *, once: bool = False, **options: Any) -> httpx.Response:
        """The answer to a request, below 300. Raises ServiceError subclasses. ``once``: without patience."""
        deadline = time.monotonic() + (0.0 if once else self._patience_s)
        for pause in _pauses():
            answer, lost = self._try(method, path, options)
            if answer is not None:
                again = _retry_after(answer)
                if again is None:
                    return _accepted(answer)
                pause = max(pause, again)
            if time.monotonic() + pause > deadline:
                if answer is None:
                    raise self.unreachable(lost)
                return _accepted(answer)
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def _try(self, method: str, path: str, options: dict[str, Any]) -> tuple[httpx.Response | None, object]:
        """(the answer or None, why there is none)."""
        try:
            return self._http.request(method, path, **options), ""
        except httpx.TransportError as error:
            return None, error

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON document that answers a request. Raises ServiceError subclasses."""
        answer = self.send(method, path, **options)
        try:
            return answer.json()
        except ValueError:
            raise ServiceError(
                f"{self.url} answers, but not as a service of nas does: is the address right?",
                status=answer.status_code, problem={},
            ) from None  # fmt: skip

    def delete(self, path: str) -> None:
        """Delete what is there. One that is gone after a repetition was deleted by the first try."""
        try:
            self.send("DELETE", path, once=True)
        except ServiceError as error:
            if error.data["status"] not in (None, 429, *AGAIN):
                raise
            with suppress(NotFound):
                self.send("DELETE", path)

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """An answer whose body is read as it comes. Raises httpx.TransportError where the connection breaks."""
        with self._http.stream("GET", path, **options) as answer:
            if answer.status_code >= 300:
                answer.read()
            yield _accepted(answer)

    def save(self, path: str, file: Path) -> Path:
        """Write a download to ``file``, whole or not at all. Raises ServiceError subclasses, NasError."""
        body = self.send("GET", path).content
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(f".{file.name}.part")
            partial.write_bytes(body)
            partial.replace(file)
        except OSError as error:
            raise NasError(f"{file} cannot be written: {error.strerror or error}") from None
        return file

    def unreachable(self, problem: object) -> ServerUnreachable:
        """The error for a service that cannot be reached."""
        said = str(problem) or type(problem).__name__
        return ServerUnreachable(
            f"no service answers at {self.url} ({said}); 'nas serve' starts one", status=None, problem={}
        )


def _checked(url: str) -> str:
    """``url`` without its last slash. Raises NasError for what is no address of a service."""
    try:
        parts = urlsplit(url)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NasError(f"{url[:80]!r} is no address of a service; write for example http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise NasError("an address must hold no password; give a token with --token-file FILE or NAS_TOKEN")
    return url.rstrip("/")


def _pauses() -> Iterator[float]:
    """Seconds before each repetition: doubling, and never the same for two clients that lost one server."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds after which to repeat; None where the answer stands: a quota is not waited for, a rate limit is."""
    said = answer.headers.get("Retry-After", "")
    if answer.status_code == 429:
        return float(said) if said.isdecimal() and QUOTA not in answer.text else None
    return 0.0 if answer.status_code in AGAIN else None


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < 300:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise error_of(answer.status_code, problem if isinstance(problem, dict) else {})
