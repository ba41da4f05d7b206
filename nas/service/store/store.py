"""The store of jobs: everything the service, its runners and its page know of them goes through here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nas.service.jobs import Claim, Job, Limits, Page, Result, Signal, Token
from nas.service.store import claiming, reading, removing, reporting, submitting, tokens
from nas.service.store.database import Database
from nas.service.store.rows import clean
from nas.service.store.schema import AUDITS
from nas.service.store.submitting import Asked


class JobStore:
    """Jobs, fronts, logs, tokens and the audit in one database, shared by any number of processes and hosts.

    Every method is one transaction and may be called from any thread. All raise StoreError where the database does not
    answer. Who holds a claim that was lost meanwhile (another runner has the job) is told so and changes nothing.
    """

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    @classmethod
    def open(cls, url: str, migrate: bool = True, limits: Limits | None = None) -> JobStore:
        """``sqlite:///FILE`` or ``postgresql+psycopg://USER@HOST/NAME``; ``limits``: of users whose token has none."""
        database = Database(url)
        if migrate:
            database.migrate()
        return cls(database, limits or Limits())

    def close(self) -> None:
        """Release files and connections."""
        self._database.close()

    def ping(self) -> None:
        """Raises StoreError where the database cannot be reached or has no tables."""
        self.version()

    # ---- users ------------------------------------------------------------------------------------------------

    def submit(self, request: Asked, user: str, *, priority: int = 0, key: str | None = None) -> tuple[Job, bool]:
        """(the job, whether it is new): the same ``key`` of a user with the same request is the same job.

        Raises IdempotencyConflict (same key, other request), QuotaExceeded, NasError.
        """
        return submitting.submit(self._database, request, user, priority, key, self._limits)

    def cancel(self, job: str) -> Job:
        """Stop a job: at once where it waits, when its runner hears of it where it runs; an ended one stays."""
        return removing.cancel(self._database, job)

    def delete(self, job: str) -> None:
        """Forget an ended job and all it has; its runner removes its folder. Raises JobActive, JobNotFound."""
        removing.delete(self._database, job)

    # ---- runners ----------------------------------------------------------------------------------------------

    def claim(self, runner: str, lease_s: float) -> Claim | None:
        """The next job for a runner: highest priority, then oldest; also one whose runner let its lease run out."""
        return claiming.claim(self._database, runner, lease_s, self._limits)

    def heartbeat(
        self, claim: Claim, lease_s: float, progress: Mapping[str, Any] | None = None,
        front: Mapping[str, Any] | None = None, log: Sequence[str] = (),
    ) -> Signal:  # fmt: skip
        """Hold the job for another ``lease_s`` seconds, and tell what is new of it."""
        return reporting.heartbeat(self._database, claim, lease_s, progress, front, log)

    def finish(self, claim: Claim, result: Result) -> bool:
        """The job is done; False: the claim was lost."""
        return reporting.finish(self._database, claim, result)

    def fail(self, claim: Claim, problem: Mapping[str, Any]) -> bool:
        """The job failed; False: the claim was lost."""
        return reporting.fail(self._database, claim, problem)

    def cancelled(self, claim: Claim) -> bool:
        """The job was stopped as its user wished; False: the claim was lost."""
        return reporting.cancelled(self._database, claim)

    def release(self, claim: Claim, note: str = "", *, died: bool = False) -> bool:
        """Give the job back to the queue, to be resumed by whoever is next; False: the claim was lost.

        ``died``: what worked on it ended by itself. A job to which that happens ten times has failed.
        """
        return claiming.release(self._database, claim, note, died)

    # ---- reading ----------------------------------------------------------------------------------------------

    def job(self, job: str) -> Job:
        """Raises JobNotFound."""
        return reading.job(self._database, job)

    def jobs(
        self, *, kind: str | None = None, state: str | None = None, user: str | None = None, with_front: bool = False,
        limit: int = 50, cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """Newest first; ``with_front``: only those that have one, if only so far. Raises NasError, UnknownName."""
        return reading.jobs(
            self._database, kind=kind, state=state, user=user, with_front=with_front, limit=limit, cursor=cursor
        )

    def changed_since(self, version: int, limit: int = 1000) -> list[Job]:
        """Jobs that changed after ``version``, in the order of their change; ask again from the last one's version."""
        return reading.changed_since(self._database, version, limit)

    def deleted_since(self, version: int) -> list[tuple[int, str]]:
        """(version, id) of jobs that were deleted after ``version``."""
        return reading.deleted_since(self._database, version)

    def version(self) -> int:
        """The version of the latest change."""
        return reading.newest_version(self._database)

    def log(self, job: str, after: int = 0) -> list[tuple[int, str, str]]:
        """(number, time, line) of its log after a number."""
        return reading.log(self._database, job, after)

    def front(self, job: str) -> tuple[int, str]:
        """(version, JSON text) of its front so far, or for good. Raises JobNotFound where there is none yet."""
        return reading.front(self._database, job)

    def architecture(self, job: str, index: int) -> str:
        """JSON text of row ``index`` of a finished job's front. Raises JobNotFound."""
        return reading.architecture(self._database, job, index)

    def counts(self) -> dict[str, int]:
        """Jobs in each state."""
        return reading.counts(self._database)

    def queue_age_s(self) -> float:
        """How long the oldest waiting job has waited; 0 without one."""
        return reading.queue_age_s(self._database)

    # ---- tokens and the audit ---------------------------------------------------------------------------------

    def create_token(
        self, name: str, scopes: Iterable[str], *, expires: datetime | None = None, limits: Limits | None = None
    ) -> str:  # fmt: skip
        """A new user's secret, told this once. Raises NasError for a name that is taken or unfit, UnknownName."""
        return tokens.create(self._database, name, scopes, expires, limits)

    def token(self, plaintext: str) -> Token | None:
        """Whose secret this is; None where it is nobody's or has expired."""
        return tokens.find(self._database, plaintext)

    def tokens(self) -> list[Token]:
        """Every token, oldest first."""
        return tokens.listed(self._database)

    def revoke(self, name: str) -> bool:
        """Whether there was such a token; there is none now."""
        return tokens.revoke(self._database, name)

    def audit(self, user: str, action: str, target: str, outcome: str) -> None:
        """Record who did what to what, and what came of it."""
        with self._database.write() as write:
            row = {"user": clean(user, 100), "action": clean(action, 100), "target": clean(target, 200)}
            values = {"time": write.time, **row, "outcome": clean(outcome, 200)}
            write.connection.execute(sa.insert(AUDITS), values)

    def audits(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest lines of the audit: ``id``, ``time``, ``user``, ``action``, ``target``, ``outcome``."""
        return reading.audits(self._database, limit)
