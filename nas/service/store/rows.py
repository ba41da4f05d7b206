"""From rows to values and back."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import sqlalchemy as sa

from nas.service.jobs import Job
from nas.service.store.errors import JobNotFound
from nas.service.store.schema import JOBS

_PLAIN = (
    "id", "kind", "user", "priority", "state", "attempt", "created", "updated", "version", "started", "finished",
    "cancelling", "front_version",
)  # fmt: skip
COLUMNS = [JOBS.c[name] for name in (*_PLAIN, "request", "progress", "problem", "summary")]
Row = sa.Row[*tuple[Any, ...]]
LARGEST = 2**31 - 1
"""Of a 32-bit column; PostgreSQL refuses to compare with more."""


def job_of(row: Row) -> Job:
    """A job from a row with ``COLUMNS``."""
    found = row._mapping
    documents = {name: json.loads(found[name]) for name in ("request", "progress", "summary")}
    problem = json.loads(found["problem"]) if found["problem"] else None
    return Job(**{name: found[name] for name in _PLAIN}, **documents, problem=problem)


def text(document: object) -> str:
    """JSON in ASCII: any database takes it."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def clean(line: str, most: int) -> str:
    """A line that any database takes: no NUL, no lone surrogate, not longer than ``most``."""
    return line.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


def new_id() -> str:
    """32 hexadecimal digits that sort by time (the layout of a UUID of version 7), unguessable in the rest."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    random = secrets.token_hex(10)
    return f"{stamp}7{random[:3]}{8 + int(random[3], 16) % 4:x}{random[4:19]}"


def checked_id(job: str) -> str:
    """``job`` if it can be one. Raises JobNotFound."""
    if len(job) != 32 or not set(job) <= set("0123456789abcdef"):
        raise JobNotFound(f"no job {clean(job, 40)!r}", id=clean(job, 40))
    return job


def fetch(connection: sa.Connection, job: str) -> Job:
    """One job. Raises JobNotFound."""
    row = connection.execute(sa.select(*COLUMNS).where(JOBS.c.id == checked_id(job))).first()
    if row is None:
        raise JobNotFound(f"no job {job!r}", id=job)
    return job_of(row)
