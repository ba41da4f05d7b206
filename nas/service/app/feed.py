"""Live events: one query a turn for the whole process, whatever the number of streams.

A stream that is read slowly is not sent what has been overtaken: it holds at most the latest of each job.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from anyio import to_thread

from nas.errors import NasError
from nas.service.app.wire import dumps, event, job_text
from nas.service.jobs import Job
from nas.service.operations.logs import LOGGER
from nas.service.store import JobNotFound, JobStore

PING_S = 15.0
PING = b": still here\n\n"
LAST = 2**63 - 1
"""A version that nothing overtakes."""


class Subscription:
    """What one stream still has to send, by job. ``after``: the version that it has been sent already."""

    def __init__(self, job: str | None, after: int) -> None:
        self.job, self.after, self.closed = job, after, False
        self._pending: dict[str, tuple[int, bytes, bytes]] = {}
        self._ready = asyncio.Event()

    def put(self, job: Job, front: bytes, said: bytes) -> None:
        """Send ``said`` (after ``front``, where there is a new one) unless it was sent already.

        The stream of one job closes after the job has ended.
        """
        if job.version > self.after:
            _, waiting, _ = self._pending.get(job.id, (0, b"", b""))
            self._pending[job.id] = (job.version, front or waiting, said)
            self.closed |= self.job is not None and job.finished_for_good
            self._ready.set()

    def forget(self, job: str) -> None:
        """The job was deleted, which ends a stream of it alone."""
        self._pending[job] = (LAST, b"", event("deleted", dumps({"id": job})))
        self.closed |= self.job is not None
        self._ready.set()

    def close(self) -> None:
        """Send what is left and end."""
        self.closed = True
        self._ready.set()

    async def chunks(self, until: float) -> AsyncIterator[bytes]:
        """Bytes to send, until closed or the loop's clock says ``until``."""
        clock = asyncio.get_running_loop().time
        while not self.closed and (left := until - clock()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), min(PING_S, left))
            yield self._taken() or PING
        if self._pending:
            yield self._taken()

    def _taken(self) -> bytes:
        taken, self._pending = self._pending, {}
        self._ready.clear()
        # What was put before it was known what the stream begins with may be older than that.
        return b"".join(front + said for version, front, said in taken.values() if version > self.after)


class Feed:
    """Looks at the store every ``poll_s`` seconds and passes on what changed."""

    def __init__(self, store: JobStore, poll_s: float) -> None:
        self._store, self._poll_s = store, poll_s
        self._subscriptions: set[Subscription] = set()
        self._fronts: dict[str, int] = {}
        self.version = self._deleted = 0

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, job: str | None = None, after: int = 0) -> Subscription:
        """To one job, with its fronts, or to all."""
        made = Subscription(job, after)
        self._subscriptions.add(made)
        return made

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget it."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every stream, as a server does that stops."""
        for each in self._subscriptions:
            each.close()

    async def run(self) -> None:
        """For ever; a store that is away for a while only delays what there is to tell."""
        started = False
        while True:
            try:
                if not started:
                    self.version = self._deleted = await to_thread.run_sync(self._store.version)
                    started = True
                await self._turn()
            except NasError as error:
                LOGGER.warning("the job store does not answer: %s", error)
            await asyncio.sleep(self._poll_s)

    async def _turn(self) -> None:
        changed: Sequence[Job] = await to_thread.run_sync(self._store.changed_since, self.version)
        for job in changed:
            listening = [s for s in self._subscriptions if s.job in (None, job.id)]
            if listening:
                front = await self._new_front(job) if any(s.job for s in listening) else b""
                said = event("job", job_text(job), job.version)
                for each in listening:
                    each.put(job, front if each.job else b"", said)
            if job.finished_for_good:
                self._fronts.pop(job.id, None)
            self.version = max(self.version, job.version)
        for version, gone in await to_thread.run_sync(self._store.deleted_since, self._deleted):
            for each in self._subscriptions:
                if each.job in (None, gone):
                    each.forget(gone)
            self._deleted = version

    async def _new_front(self, job: Job) -> bytes:
        """The front as an event where it changed since the last turn."""
        if job.front_version is None or self._fronts.get(job.id) == job.front_version:
            return b""
        try:
            _, text = await to_thread.run_sync(self._store.front, job.id)
        except JobNotFound:  # deleted since
            return b""
        self._fronts[job.id] = job.front_version
        return event("front", text)
