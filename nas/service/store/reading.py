"""What can be asked of the store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nas.errors import NasError
from nas.service.jobs import STATES, Job, Page
from nas.service.store.database import Database
from nas.service.store.errors import JobNotFound
from nas.service.store.rows import COLUMNS, LARGEST, checked_id, fetch, job_of
from nas.service.store.schema import ARCHITECTURES, AUDITS, COUNTER, DELETED, FRONTS, JOBS, LINES
from search_spaces.errors import unknown_name

MOST_JOBS = 200
LAST_VERSION = 2**63 - 1


def jobs(
    database: Database, *, kind: str | None, state: str | None, user: str | None, with_front: bool, limit: int,
    cursor: str | None,
) -> Page:  # fmt: skip
    """Newest first, after ``cursor``."""
    if not 1 <= limit <= MOST_JOBS:
        raise NasError(f"limit must be from 1 to {MOST_JOBS}, got {limit}")
    if state is not None and state not in STATES:
        raise unknown_name("state", state[:40], STATES)
    query = sa.select(*COLUMNS).order_by(JOBS.c.id.desc()).limit(limit + 1)
    for column, value in ((JOBS.c.kind, kind), (JOBS.c.state, state), (JOBS.c.user, user)):
        if value is not None:
            if "\x00" in value or not value.isprintable():
                return Page(())
            query = query.where(column == value)
    if with_front:
        query = query.where(JOBS.c.front_version.is_not(None))
    if cursor is not None:
        query = query.where(JOBS.c.id < _cursor(cursor))
    with database.read() as connection:
        found = [job_of(row) for row in connection.execute(query)]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def _cursor(text: str) -> str:
    try:
        return checked_id(text)
    except JobNotFound:
        raise NasError(f"{text[:40]!r} is no cursor: take next_cursor of the page before, as it is") from None


def job(database: Database, identity: str) -> Job:
    """One job. Raises JobNotFound."""
    with database.read() as connection:
        return fetch(connection, identity)


def changed_since(database: Database, version: int, limit: int) -> list[Job]:
    """Jobs that changed after ``version``, in the order of their change."""
    newer = JOBS.c.version > min(version, LAST_VERSION)
    with database.read() as connection:
        query = sa.select(*COLUMNS).where(newer).order_by(JOBS.c.version).limit(limit)
        return [job_of(row) for row in connection.execute(query)]


def deleted_since(database: Database, version: int) -> list[tuple[int, str]]:
    """(version, id) of jobs that were deleted after ``version``, in that order."""
    newer = DELETED.c.version > min(version, LAST_VERSION)
    with database.read() as connection:
        query = sa.select(DELETED.c.version, DELETED.c.job).where(newer).order_by(DELETED.c.version)
        return [(row.version, row.job) for row in connection.execute(query)]


def newest_version(database: Database) -> int:
    """The largest version so far."""
    with database.read() as connection:
        return int(connection.execute(sa.select(COUNTER.c.version)).scalar_one())


def log(database: Database, identity: str, after: int) -> list[tuple[int, str, str]]:
    """(number, time, line) of a job's log after a number."""
    newer = LINES.c.number > min(max(after, 0), LARGEST)
    with database.read() as connection:
        fetch(connection, identity)
        query = sa.select(LINES.c.number, LINES.c.time, LINES.c.line).where(LINES.c.job == identity, newer)
        return [(row.number, row.time, row.line) for row in connection.execute(query.order_by(LINES.c.number))]


def front(database: Database, identity: str) -> tuple[int, str]:
    """(version, JSON) of a job's front. Raises JobNotFound where there is none yet."""
    query = sa.select(FRONTS.c.version, FRONTS.c.document).where(FRONTS.c.job == checked_id(identity))
    with database.read() as connection:
        row = connection.execute(query).first()
        if row is None:
            fetch(connection, identity)
            raise JobNotFound(f"job {identity} has no front yet", id=identity)
        return row.version, row.document


def architecture(database: Database, identity: str, index: int) -> str:
    """JSON of one row of a finished job's front. Raises JobNotFound."""
    position = index if 0 <= index <= LARGEST else LARGEST
    query = sa.select(ARCHITECTURES.c.document).where(
        ARCHITECTURES.c.job == checked_id(identity), ARCHITECTURES.c.position == position
    )
    with database.read() as connection:
        document = connection.execute(query).scalar()
        if document is not None:
            return str(document)
        found = fetch(connection, identity)
        mine = ARCHITECTURES.c.job == identity
        count = connection.execute(sa.select(sa.func.count()).select_from(ARCHITECTURES).where(mine)).scalar_one()
    if count:
        raise JobNotFound(f"job {identity} has {count} architectures: index must be 0..{count - 1}", id=identity)
    raise JobNotFound(f"job {identity} ({found.state}) has no architectures", id=identity)


def counts(database: Database) -> dict[str, int]:
    """Jobs in each state."""
    with database.read() as connection:
        found = connection.execute(sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state))
        return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in found}


def queue_age_s(database: Database) -> float:
    """How long the oldest waiting job has waited; 0 without one."""
    with database.read() as connection:
        oldest = connection.execute(sa.select(sa.func.min(JOBS.c.id)).where(JOBS.c.state == "queued")).scalar()
        return 0.0 if oldest is None else max(database.clock(connection) - int(oldest[:12], 16) / 1000, 0.0)


def audits(database: Database, limit: int) -> list[dict[str, Any]]:
    """The newest lines of the audit."""
    with database.read() as connection:
        query = sa.select(AUDITS).order_by(AUDITS.c.id.desc()).limit(limit)
        return [dict(row._mapping) for row in connection.execute(query)]
