"""What ``benchmarks/service.py`` puts beside ``nas serve``: the same rows by bare Starlette and a bare driver.

    python benchmarks/service_peer.py STORAGE PORT

No users, no limits, no validation, no security headers, no metrics, no streams: three queries and their text.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from typing import Any

import uvicorn
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = ("id", "kind", "user", "priority", "state", "attempt", "created", "updated", "version", "started", "finished",
           "cancelling", "front_version", "request", "progress", "problem", "summary")  # fmt: skip
DOCUMENTS = ("request", "progress", "problem", "summary")
_local = threading.local()


def query(text: str, *values: object) -> list[Any]:
    """Rows, on a connection that the thread keeps."""
    if not hasattr(_local, "connection"):
        url = make_url(sys.argv[1])
        if url.get_backend_name() == "sqlite":
            _local.connection, _local.mark = sqlite3.connect(str(url.database), isolation_level=None), "?"
        else:
            import psycopg

            plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
            _local.connection, _local.mark = psycopg.connect(plain, autocommit=True), "%s"
    return list(_local.connection.execute(text.replace("?", _local.mark), values).fetchall())


def runs(request: Request) -> Response:
    """A page of jobs that have a front, newest first."""
    cursor, limit = request.query_params.get("cursor", "g"), int(request.query_params.get("limit", 50))
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    found = query(
        f"SELECT {names} FROM jobs WHERE front_version IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?", cursor, limit
    )
    jobs = [dict(zip(COLUMNS, row, strict=True)) for row in found]
    for job in jobs:
        job |= {name: json.loads(job[name]) if job[name] else None for name in DOCUMENTS}
    return Response(
        json.dumps({"jobs": jobs, "next_cursor": jobs[-1]["id"] if jobs else None}), media_type="application/json"
    )


def front(request: Request) -> Response:
    """A front, as it is stored."""
    (text,) = query("SELECT document FROM fronts WHERE job = ?", request.path_params["id"])[0]
    return Response(text, media_type="application/json")


def architecture(request: Request) -> Response:
    """An architecture, as it is stored."""
    at = int(request.path_params["index"])
    (text,) = query("SELECT document FROM architectures WHERE job = ? AND position = ?", request.path_params["id"], at)[
        0
    ]
    return Response(text, media_type="application/json")


async def ready(request: Request) -> Response:
    """It answers."""
    return Response("ok")


ROUTES = [
    Route("/readyz", ready), Route("/v1/runs", runs), Route("/v1/runs/{id}/front", front),
    Route("/v1/runs/{id}/architectures/{index}", architecture),
]  # fmt: skip

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
