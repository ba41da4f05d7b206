"""A server that answers as a script says, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

HANG_UP = -1
"""As a status: close the connection without an answer, as a killed server does."""


@dataclass
class Scripted:
    """``answers``: (status, body, headers) in the order in which they are given; a str body is sent as it is."""

    answers: list[tuple[int, Any, dict[str, str]]]
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    url: str = ""


@contextmanager
def scripted(*answers: Any) -> Iterator[Scripted]:
    """Serve ``answers``: (status, body) or (status, body, headers)."""
    script = Scripted([(*a, {}) if len(a) == 2 else a for a in answers])

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            script.asked.append((self.command, self.path, dict(self.headers), body))
            status, document, headers = script.answers.pop(0)
            if status == HANG_UP:
                self.close_connection = True
                return
            data = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def job(state: str = "running", **fields: Any) -> dict[str, Any]:
    """A job as the service says it."""
    return {
        "id": "0" * 32, "kind": "search", "request": {"space": "elasticvit"}, "user": "local", "priority": 0,
        "state": state, "attempt": 1, "created": "2026-01-01T00:00:00+00:00", "updated": "2026-01-01T00:00:00+00:00",
        "version": 1, **fields,
    }  # fmt: skip
