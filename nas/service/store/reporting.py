"""What a runner tells of the job that it holds: heartbeats with progress, fronts and lines, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nas.service.jobs import Claim, Result, Signal
from nas.service.store.claiming import end, hold, spent
from nas.service.store.database import Database, Write
from nas.service.store.rows import clean, text
from nas.service.store.schema import ARCHITECTURES, FRONTS, JOBS, LINES

MOST_LINES = 5000
"""Of a job's log; older ones go."""
LONGEST_LINE = 2000


def heartbeat(
    database: Database, claim: Claim, lease_s: float, progress: Mapping[str, Any] | None,
    front: Mapping[str, Any] | None, log: Sequence[str],
) -> Signal:  # fmt: skip
    """Extend the lease and record what is new."""
    with database.write() as write:
        row = hold(write, claim)
        if row is None:
            return "lost"
        values: dict[str, Any] = {
            "lease_until": write.now + lease_s, "beat": write.now, "spent_s": spent(row, write.now),
        }  # fmt: skip
        if log:
            values["lines"] = _add_lines(write, claim.job.id, row.lines, log)
        if progress is not None:
            values["progress"] = text(progress)
        if progress is not None or front is not None or log:
            values |= {"updated": write.time, "version": write.next_version()}
        if front is not None:
            values["front_version"] = values["version"]
            _put_front(write, claim.job.id, values["version"], front)
        write.connection.execute(sa.update(JOBS).where(JOBS.c.id == claim.job.id).values(**values))
        return "cancel" if row.cancelling else "go"


def finish(database: Database, claim: Claim, result: Result) -> bool:
    """Done, with all that will ever be asked of it; False where the claim is lost."""
    rows = [
        {"job": claim.job.id, "position": i, "document": text(d)} for i, d in enumerate(result.architectures)
    ]  # fmt: skip
    with database.write() as write:
        row = hold(write, claim)
        if row is None:
            return False
        values: dict[str, Any] = {"state": "done", "summary": text(result.summary), "spent_s": spent(row, write.now)}
        if rows:
            write.connection.execute(sa.insert(ARCHITECTURES), rows)
        if result.front is not None:
            values["front_version"] = write.next_version()
            _put_front(write, claim.job.id, values["front_version"], result.front)
        end(write, claim.job.id, **values)
        return True


def fail(database: Database, claim: Claim, problem: Mapping[str, Any]) -> bool:
    """Failed for good; False where the claim is lost."""
    return _ended(database, claim, state="failed", problem=text(problem))


def cancelled(database: Database, claim: Claim) -> bool:
    """Stopped as its user wished; False where the claim is lost."""
    return _ended(database, claim, state="cancelled")


def _ended(database: Database, claim: Claim, **values: Any) -> bool:
    with database.write() as write:
        row = hold(write, claim)
        if row is None:
            return False
        end(write, claim.job.id, spent_s=spent(row, write.now), **values)
        return True


def _put_front(write: Write, job: str, version: int, front: Mapping[str, Any]) -> None:
    write.connection.execute(sa.delete(FRONTS).where(FRONTS.c.job == job))
    write.connection.execute(sa.insert(FRONTS), {"job": job, "version": version, "document": text(front)})


def _add_lines(write: Write, job: str, known: int, lines: Sequence[str]) -> int:
    rows = [
        {"job": job, "number": known + i, "time": write.time, "line": clean(line, LONGEST_LINE)}
        for i, line in enumerate(lines, 1)
    ]
    write.connection.execute(sa.insert(LINES), rows)
    old = LINES.c.number <= known + len(lines) - MOST_LINES
    write.connection.execute(sa.delete(LINES).where(LINES.c.job == job, old))
    return known + len(lines)
