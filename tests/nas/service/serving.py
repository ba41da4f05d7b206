"""A server in this process, and a client of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from nas.service.app import create_app
from nas.service.settings import Settings
from nas.service.store import JobStore
from tests.nas.service import seeded

BASE = "http://127.0.0.1:8000"
SEARCH = {"space": "elasticvit-small", "budget": ["20MFLOPs"], "candidates": 2000, "proxies": []}


@dataclass(frozen=True)
class Served:
    """A server's parts, and ``http``, a client on this machine. Redirects are not followed."""

    store: JobStore
    app: FastAPI
    http: TestClient
    settings: Settings

    def token(self, name: str, *scopes: str, **given: Any) -> dict[str, str]:
        """Headers of a new user."""
        return {"Authorization": f"Bearer {self.store.create_token(name, scopes or ['submit'], **given)}"}


def served(folder: Path, **settings: Any) -> Served:
    """A server whose folder is ``folder``."""
    chosen = Settings(data=folder, **{"poll_s": 0.01, **settings})
    store = seeded.open_store(folder)
    app = create_app(chosen, store)
    client = TestClient(
        app, BASE, raise_server_exceptions=False, follow_redirects=False, client=("127.0.0.1", 50000)
    )  # fmt: skip
    return Served(store, app, client, chosen)
