"""Cancelling and deleting jobs."""

from __future__ import annotations

import sqlalchemy as sa

from nas.service.jobs import Job
from nas.service.store.claiming import end
from nas.service.store.database import Database
from nas.service.store.errors import JobActive
from nas.service.store.rows import fetch
from nas.service.store.schema import ARCHITECTURES, DELETED, FRONTS, JOBS, LINES


def cancel(database: Database, identity: str) -> Job:
    """Stop a job; one that has ended stays as it is."""
    with database.write() as write:
        job = fetch(write.connection, identity)
        if job.state == "queued":
            end(write, identity, state="cancelled")
        elif job.state == "running" and not job.cancelling:
            values = {"cancelling": True, "updated": write.time, "version": write.next_version()}
            write.connection.execute(sa.update(JOBS).where(JOBS.c.id == identity).values(**values))
        return fetch(write.connection, identity)


def delete(database: Database, identity: str) -> None:
    """Forget an ended job. Raises JobActive, JobNotFound."""
    with database.write() as write:
        job = fetch(write.connection, identity)
        if not job.finished_for_good:
            raise JobActive(f"job {identity} is {job.state}: cancel it first", id=identity)
        for table in (FRONTS, ARCHITECTURES, LINES):
            write.connection.execute(sa.delete(table).where(table.c.job == identity))
        write.connection.execute(sa.delete(JOBS).where(JOBS.c.id == identity))
        write.connection.execute(sa.insert(DELETED), {"job": identity, "version": write.next_version()})
