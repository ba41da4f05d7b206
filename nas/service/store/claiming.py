"""How runners take jobs: a lease that heartbeats extend, and a fence that grows with every claim.

Whoever writes for a job shows its fence; one that is not the newest is refused. So of all runners that ever held a
job, exactly one finishes it, however late the others wake up.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nas.service.jobs import Claim, Limits
from nas.service.store.database import Database, Write
from nas.service.store.rows import Row, clean, fetch, text
from nas.service.store.schema import JOBS
from nas.service.store.tokens import limits_of

MOST_DEATHS = 10
"""Runners or workers that may die over one job before it is given up: it is probably what kills them."""
DEAD = {
    "title": "The job's runners died", "retry": True,
    "detail": f"{MOST_DEATHS} in turn ended in the middle of it; too little memory is the usual reason",
}  # fmt: skip
EXCEEDED = {"title": "Time quota exceeded", "retry": False}
_FREE = {"runner": None, "lease_until": None, "beat": None}


def claim(database: Database, runner: str, lease_s: float, defaults: Limits) -> Claim | None:
    """The most urgent job that waits, or whose runner is silent, of a user who may have one more running."""
    with database.read() as connection:  # without a turn: most of the time there is nothing
        if connection.execute(sa.select(JOBS.c.id).where(_open(database.clock(connection))).limit(1)).first() is None:
            return None
    with database.write() as write:
        _bury(write)
        row = write.connection.execute(_next(write, defaults)).first()
        if row is None:
            return None
        write.connection.execute(
            sa.update(JOBS).where(JOBS.c.id == row.id).values(
                state="running", runner=runner[:200], fence=row.fence + 1, attempt=JOBS.c.attempt + 1,
                deaths=row.deaths + (row.state == "running"), lease_until=write.now + lease_s, beat=write.now,
                updated=write.time, version=write.next_version(),
                started=sa.func.coalesce(JOBS.c.started, write.time),
            )
        )  # fmt: skip
        left = None if row.limit_s is None else max(row.limit_s - row.spent_s, 0.0)
        return Claim(fetch(write.connection, row.id), runner, row.fence + 1, left)


def _open(now: float) -> sa.ColumnElement[bool]:
    return (JOBS.c.state == "queued") | ((JOBS.c.state == "running") & (JOBS.c.lease_until < now))


def _next(write: Write, defaults: Limits) -> sa.Select[Any]:
    blocked = [u for u, n in _running(write).items() if _full(write.connection, u, n, defaults)]
    waiting = (JOBS.c.state == "queued") & JOBS.c.user.not_in(blocked)
    silent = (JOBS.c.state == "running") & (JOBS.c.lease_until < write.now)
    columns = (JOBS.c.id, JOBS.c.state, JOBS.c.fence, JOBS.c.deaths, JOBS.c.limit_s, JOBS.c.spent_s)
    ordered = sa.select(*columns).where(waiting | silent).order_by(JOBS.c.priority.desc(), JOBS.c.id)
    return ordered.limit(1).with_for_update(skip_locked=True)


def _running(write: Write) -> dict[str, int]:
    query = sa.select(JOBS.c.user, sa.func.count()).where(JOBS.c.state == "running").group_by(JOBS.c.user)
    return {row[0]: row[1] for row in write.connection.execute(query)}


def _full(connection: sa.Connection, user: str, count: int, defaults: Limits) -> bool:
    most = limits_of(connection, user, defaults).running
    return most is not None and count >= most


def _bury(write: Write) -> None:
    """End what no runner will: cancelled while its runner died, or deadly to too many runners."""
    silent = (JOBS.c.state == "running") & (JOBS.c.lease_until < write.now)
    hopeless = JOBS.c.cancelling | (JOBS.c.deaths + 1 >= MOST_DEATHS)
    for row in write.connection.execute(sa.select(JOBS.c.id, JOBS.c.cancelling).where(silent & hopeless)).all():
        if row.cancelling:
            end(write, row.id, state="cancelled")
        else:
            end(write, row.id, state="failed", problem=text(DEAD))


def end(write: Write, job: str, **values: Any) -> None:
    """Put a job into a final state."""
    common = {"finished": write.time, "updated": write.time, "version": write.next_version(), **_FREE}
    write.connection.execute(sa.update(JOBS).where(JOBS.c.id == job).values(**common, **values))


def hold(write: Write, claim: Claim) -> Row | None:
    """The row of a job that the claim still holds, else None."""
    columns = (JOBS.c.cancelling, JOBS.c.deaths, JOBS.c.lines, JOBS.c.spent_s, JOBS.c.beat)
    held = (JOBS.c.id == claim.job.id) & (JOBS.c.fence == claim.fence) & (JOBS.c.state == "running")
    return write.connection.execute(sa.select(*columns).where(held)).first()


def release(database: Database, claim: Claim, note: str, died: bool) -> bool:
    """Back into the queue, where its place is what it was; False where the claim is lost."""
    with database.write() as write:
        row = hold(write, claim)
        if row is None:
            return False
        if row.cancelling:
            end(write, claim.job.id, state="cancelled", spent_s=spent(row, write.now))
            return True
        if died and row.deaths + 1 >= MOST_DEATHS:
            end(write, claim.job.id, state="failed", problem=text(DEAD), spent_s=spent(row, write.now))
            return True
        values = {
            "state": "queued", "updated": write.time, "version": write.next_version(), **_FREE,
            "deaths": row.deaths + died, "spent_s": spent(row, write.now),
            "progress": text({"phase": "queued", "message": clean(note, 200)}),
        }  # fmt: skip
        write.connection.execute(sa.update(JOBS).where(JOBS.c.id == claim.job.id).values(**values))
        return True


def spent(row: Row, now: float) -> float:
    """Seconds of computing so far, over all attempts."""
    return float(row.spent_s) + max(now - row.beat, 0.0)
