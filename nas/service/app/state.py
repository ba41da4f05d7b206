"""What the routes of one server share, and how they get at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.exceptions import HTTPException

from nas.service.app.exports import Exports
from nas.service.app.feed import Feed
from nas.service.operations.metrics import Metrics
from nas.service.security.principal import Principal
from nas.service.security.roots import DataRoots
from nas.service.settings import Settings
from nas.service.store import JobStore


@dataclass(frozen=True)
class Service:
    """One server's parts."""

    settings: Settings
    store: JobStore
    roots: DataRoots
    feed: Feed
    metrics: Metrics
    exports: Exports


def service_of(request: Request) -> Service:
    """The server that was asked."""
    found: Service = request.app.state.service
    return found


def require(request: Request, scope: str) -> Principal:
    """Who asks, if they may. Raises HTTPException: 401 for nobody, 403 for somebody else."""
    user: Principal | None = getattr(request.state, "user", None)
    if user is None:
        raise HTTPException(
            401, "say who you are: Authorization: Bearer TOKEN (nas token create makes one)",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    if not user.may(scope):
        raise HTTPException(403, f"this needs the scope {scope!r}; your token has {', '.join(sorted(user.scopes))}")
    return user


# Asynchronous, though they wait for nothing: FastAPI would run each in a thread of its own.
async def _service(request: Request) -> Service:
    return service_of(request)


async def _reader(request: Request) -> Principal:
    return require(request, "read")


ServiceOf = Annotated[Service, Depends(_service)]
Reader = Depends(_reader)
JobId = Annotated[
    str, Path(pattern="^[0-9a-f]{32}$", description="The job's id.", examples=["0199c5a2f0c07d3e8a41b6e0c5d2f713"])
]
Index = Annotated[int, Path(ge=0, le=1_000_000, description="Row of the front.", examples=[0])]
