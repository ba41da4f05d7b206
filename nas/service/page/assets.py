"""Static files: our own, the look that the reports share, and Plotly out of its installed wheel."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

REPORT_STYLES = ("tokens.css", "layout.css", "components.css", "charts.css")
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
LARGE = 100_000
"""Bytes from which a file is compressed, once."""


@dataclass(frozen=True)
class Asset:
    """A file as it is sent; ``digest`` names exactly these bytes."""

    body: bytes
    zipped: bytes | None
    kind: str
    digest: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Asset:
        """The file ``name`` with this content."""
        zipped = gzip.compress(body, 6) if len(body) > LARGE else None
        return cls(body, zipped, TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:16])


@cache
def asset(name: str) -> Asset | None:
    """The static file ``name``; None where there is none. Only names that are listed are ever opened."""
    if name == "plotly.min.js":
        return Asset.of(name, _plotly())
    if name == "report.css":
        folder = resources.files("nas.report") / "templates"
        return Asset.of(name, b"\n".join((folder / style).read_bytes() for style in REPORT_STYLES))
    folder = Path(__file__).parent / "static"
    return Asset.of(name, (folder / name).read_bytes()) if name in _own() else None


@cache
def _own() -> frozenset[str]:
    return frozenset(path.name for path in (Path(__file__).parent / "static").iterdir() if path.suffix[1:] in TYPES)


def _plotly() -> bytes:
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@cache
def fingerprint(name: str) -> str:
    """The address of a static file; it changes with the content, so that browsers may keep what they have."""
    found = asset(name)
    return f"/static/{name}?v={found.digest}" if found else f"/static/{name}"


@cache
def plotly_style_ids() -> tuple[str, ...]:
    """Ids under which Plotly looks for style sheets it brought before; where one exists it adds none.

    Its map library injects a style sheet that a strict content-security policy refuses, and that no plot here needs.
    """
    found = re.findall(rb'getElementById\("([0-9a-f]{64})"\)', _plotly())
    return tuple(sorted({name.decode() for name in found}))


def send(request: Request, name: str) -> Response:
    """The file, compressed where that was worth it; 304 to who has it."""
    found = asset(name)
    if found is None:
        raise HTTPException(404, f"there is no static file {name[:80]!r}")
    kept = "max-age=31536000, immutable" if request.query_params.get("v") == found.digest else "no-cache"
    headers = {"ETag": f'"{found.digest}"', "Cache-Control": f"public, {kept}", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if found.zipped and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=found.kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.kind, headers=headers)


def add(routes: APIRouter) -> None:
    """Serve them under /static."""
    routes.add_api_route("/static/{name}", send, methods=["GET"])
