"""Taking jobs on: idempotency keys and quotas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from nas.errors import NasError
from nas.service.jobs import Job, Limits
from nas.service.store.database import Database
from nas.service.store.errors import IdempotencyConflict, QuotaExceeded
from nas.service.store.rows import COLUMNS, fetch, job_of, new_id, text
from nas.service.store.schema import JOBS
from nas.service.store.tokens import limits_of

MOST_PRIORITY = 1000


@dataclass(frozen=True)
class Demand:
    """What a request asks for at most: ``candidates`` to price, ``seconds`` of time; None: it does not say."""

    candidates: int | None = None
    seconds: float | None = None


class Asked(Protocol):
    """What the store has to know of a request."""

    @property
    def kind(self) -> str:
        """Such as ``search``."""

    def document(self) -> dict[str, Any]:
        """All of it, as JSON says it."""

    def demand(self) -> Demand:
        """What counts against quotas."""


def submit(
    database: Database, request: Asked, user: str, priority: int, key: str | None, defaults: Limits
) -> tuple[Job, bool]:
    """(the job, whether it is new). Raises IdempotencyConflict, QuotaExceeded, NasError for an unfit key."""
    _check(priority, key)
    document = text(request.document())
    with database.write() as write:
        known = _known(write.connection, user, key)
        if known is not None:
            if (known.kind, known.request) == (request.kind, json.loads(document)):
                return known, False
            raise IdempotencyConflict(
                f"idempotency key {key!r} came before with another request, job {known.id}", key=key, id=known.id
            )
        limits = limits_of(write.connection, user, defaults)
        _hold(write.connection, request.demand(), user, limits)
        job = new_id()
        row = {
            "id": job, "kind": request.kind, "request": document, "user": user, "key": key, "priority": priority,
            "state": "queued", "attempt": 0, "created": write.time, "updated": write.time,
            "version": write.next_version(), "cancelling": False, "progress": "{}", "summary": "{}", "fence": 0,
            "deaths": 0, "limit_s": limits.seconds, "spent_s": 0.0, "lines": 0,
        }  # fmt: skip
        write.connection.execute(sa.insert(JOBS), row)
        return fetch(write.connection, job), True


def _check(priority: int, key: str | None) -> None:
    if abs(priority) > MOST_PRIORITY:
        raise NasError(f"priority must be from -{MOST_PRIORITY} to {MOST_PRIORITY}, got {priority}")
    if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        raise NasError("an idempotency key is 1 to 200 printable ASCII characters, such as a UUID")


def _known(connection: sa.Connection, user: str, key: str | None) -> Job | None:
    if key is None:
        return None
    row = connection.execute(sa.select(*COLUMNS).where(JOBS.c.user == user, JOBS.c.key == key)).first()
    return None if row is None else job_of(row)


def _hold(connection: sa.Connection, demand: Demand, user: str, limits: Limits) -> None:
    """Raises QuotaExceeded."""
    for name, asked, allowed, unit in (
        ("candidates", demand.candidates, limits.candidates, "candidates"),
        ("seconds", demand.seconds, limits.seconds, "s of time"),
    ):
        if asked is not None and allowed is not None and asked > allowed:
            raise QuotaExceeded(
                f"this asks for {asked:,} {unit}; your quota is {allowed:,} for one job",
                limit=name, asked=asked, allowed=allowed,
            )  # fmt: skip
    if limits.queued is None:
        return
    waiting = sa.select(sa.func.count()).where(JOBS.c.user == user, JOBS.c.state == "queued")
    count = int(connection.execute(waiting).scalar_one())
    if count >= limits.queued:
        raise QuotaExceeded(
            f"you have {count} jobs waiting and may have {limits.queued}: wait for one, or cancel one",
            limit="queued", asked=count + 1, allowed=limits.queued,
        )  # fmt: skip
