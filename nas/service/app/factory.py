"""Puts the parts together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware import Middleware

from nas.service.app import catalogue, documented, downloads, events, health, jobs, runs, sessions, submitting
from nas.service.app.exports import Exports
from nas.service.app.failures import add_handlers
from nas.service.app.feed import Feed
from nas.service.app.state import Service, require
from nas.service.operations.metrics import Metrics
from nas.service.operations.observing import Observed
from nas.service.security.bodies import BodyLimit
from nas.service.security.headers import SecurityHeaders
from nas.service.security.identity import Identified, Tokens
from nas.service.security.origin import OwnOrigin
from nas.service.security.roots import DataRoots
from nas.service.settings import Settings
from nas.service.store import JobStore

V1 = (submitting.router, jobs.router, events.router, runs.router, downloads.router, catalogue.router)


def create_app(settings: Settings, store: JobStore | None = None) -> FastAPI:
    """The ASGI application. Without ``store`` it opens the settings' own. Raises NasError, StoreError."""
    settings.ready_folders()
    service = _service(settings, store or JobStore.open(settings.url, migrate=True))
    app = FastAPI(
        title="nas", version=version("nas"), openapi_url="/openapi.json", docs_url=None, redoc_url=None,
        redirect_slashes=False, middleware=_middleware(service), lifespan=_lifespan,
    )  # fmt: skip
    app.state.service, app.state.store = service, service.store
    add_handlers(app)
    v1 = APIRouter(prefix="/v1")
    for router in V1:
        v1.include_router(router)
    for router in (v1, health.router, sessions.router):
        app.include_router(router)
    _add_page(app, settings)
    app.openapi = lambda: documented.document(app)  # type: ignore[method-assign]
    return app


def _service(settings: Settings, store: JobStore) -> Service:
    feed = Feed(store, settings.poll_s)
    return Service(
        settings, store, DataRoots(settings.data_roots), feed, Metrics(store, lambda: len(feed)),
        Exports(settings.runs, settings.export_s),
    )  # fmt: skip


def _middleware(service: Service) -> list[Middleware]:
    """Outermost first: even a refusal has its headers, its line in the log, its count."""
    tokens = Tokens(service.store, service.settings)
    return [
        Middleware(SecurityHeaders),
        Middleware(Observed, metrics=service.metrics),
        Middleware(OwnOrigin, settings=service.settings),
        Middleware(Identified, tokens=tokens, settings=service.settings),
        Middleware(BodyLimit, most=service.settings.body_bytes),
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    polling = asyncio.create_task(service.feed.run())
    try:
        yield
    finally:
        service.feed.close()
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling


def _add_page(app: FastAPI, settings: Settings) -> None:
    from nas.service import page

    app.include_router(page.router(settings), dependencies=[Depends(_page_reader)])


async def _page_reader(request: Request) -> None:
    """Pages are for readers, but for the one to sign in with, and what it is drawn with."""
    if request.url.path != "/login" and not request.url.path.startswith("/static/"):
        require(request, "read")
