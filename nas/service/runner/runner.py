"""A runner: claims jobs, has its workers carry them out, keeps the leases, and hands back what it cannot finish."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from nas.service.runner.settings import RunnerSettings
from nas.service.runner.slot import News, Slot
from nas.service.runner.worker import LOCKS
from nas.service.store import JobStore, StoreError
from nas.service.store.claiming import EXCEEDED

TIDY_S = 30.0
"""Seconds between looks for folders of deleted jobs."""
AWAY_S = 2.0
"""Seconds to wait where the store does not answer."""


class Runner:
    """Runs until :meth:`stop` (or SIGTERM, SIGINT), then gives its jobs back. ``say`` is told a line now and then."""

    def __init__(self, settings: RunnerSettings, store: JobStore, say: Callable[[str], None] | None = None) -> None:
        self._settings, self._store = settings, store
        self._say = say or (lambda line: None)
        self._slots = [Slot(settings) for _ in range(settings.slots)]
        self._stopping = False
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_w, False)
        self._tidied, self._deleted, self._looked = -TIDY_S, 0, 0.0

    def stop(self, signum: int = 0, frame: FrameType | None = None) -> None:
        """End soon; may be called from a signal handler."""
        self._stopping = True
        with contextlib.suppress(OSError):  # full, or closed: it is awake
            os.write(self._wake_w, b"x")

    def run(self) -> None:
        """Until stopped. The store may go and come back meanwhile."""
        self._settings.runs.mkdir(parents=True, exist_ok=True)
        try:
            while not self._stopping:
                try:
                    self._turn()
                except StoreError as error:
                    self._say(f"{error}; trying again")
                    self._wait(AWAY_S)
        finally:
            self._hand_back()

    # ---- one turn ---------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        for slot in self._slots:
            slot.ensure()
            self._expire(slot)
        self._claim()
        self._wait(self._settings.poll_s)
        for slot in self._slots:
            slot.listen()
        for slot in self._slots:
            if slot.claim is not None:
                self._attend(slot)
        self._tidy()

    def _claim(self) -> None:
        """Fill the free slots. An idle runner asks once a poll, one that just finished a job at once."""
        for slot in self._slots:
            if not slot.free or self._stopping:
                continue
            asked = time.monotonic()
            if asked - self._looked < self._settings.poll_s:
                return
            claim = self._store.claim(self._settings.name, self._settings.lease_s)
            if claim is None:
                self._looked = asked
                return
            self._say(f"job {claim.job.id} ({claim.job.kind}), attempt {claim.job.attempt}")
            slot.start(claim, asked)

    def _wait(self, seconds: float) -> None:
        """Until a worker speaks, the runner is stopped, or the time is over."""
        pipes: list[Any] = [slot.pipe for slot in self._slots if slot.pipe is not None]
        if self._wake_r in wait([*pipes, self._wake_r], seconds):
            os.read(self._wake_r, 1024)

    def _attend(self, slot: Slot) -> None:
        """Heartbeat, outcome, and the ends that a job may come to."""
        now = time.monotonic()
        if slot.outcome is not None:
            self._conclude(slot)
        elif now >= slot.ends:
            self._halt(slot, "failed", EXCEEDED | {"detail": _quota(slot)})
        elif slot.due(now):
            self._beat(slot, now)

    def _expire(self, slot: Slot) -> None:
        """Where the store was away for longer than the lease, another may have the job: write nothing for it."""
        if slot.claim is not None and time.monotonic() >= slot.held_until:
            self._say(f"job {slot.claim.job.id}: its lease ran out while the store was away")
            slot.stop()
            slot.leave()

    def _beat(self, slot: Slot, now: float) -> None:
        assert slot.claim is not None
        news, slot.news = slot.news, News()
        try:
            signal_ = self._store.heartbeat(
                slot.claim, self._settings.lease_s, news.progress, news.front, news.lines
            )  # fmt: skip
        except StoreError:
            news.lines += slot.news.lines
            slot.news = news  # told with the next one
            raise
        slot.beat, slot.held_until = now, now + self._settings.lease_s
        if signal_ == "cancel":
            self._halt(slot, "cancelled", None)
        elif signal_ == "lost":
            self._say(f"job {slot.claim.job.id} went to another runner")
            slot.stop()
            slot.leave()

    def _halt(self, slot: Slot, kind: str, value: Any) -> None:
        slot.stop()
        slot.outcome = (kind, value)
        self._conclude(slot)

    def _conclude(self, slot: Slot) -> None:
        """Write down how it ended; where the store is away, the slot stays as it is and is asked again."""
        assert slot.claim is not None
        assert slot.outcome is not None
        claim, (kind, value) = slot.claim, slot.outcome
        if slot.news:
            news, slot.news = slot.news, News()
            self._store.heartbeat(claim, self._settings.lease_s, news.progress, None, news.lines)
        if kind == "done":
            kept = self._store.finish(claim, value)
        elif kind == "failed":
            kept = self._store.fail(claim, value)
        elif kind == "cancelled":
            kept = self._store.cancelled(claim)
        else:
            kept = self._store.release(claim, f"its worker ended with code {value}; it is resumed", died=True)
        self._say(f"job {claim.job.id}: {kind}{'' if kept else ', but another runner has it'}")
        slot.leave()
        self._looked = 0.0

    # ---- now and then, and at the end -------------------------------------------------------------------------

    def _tidy(self) -> None:
        """Remove the folders of jobs that were deleted."""
        if time.monotonic() - self._tidied < TIDY_S:
            return
        self._tidied = time.monotonic()
        for version, job in self._store.deleted_since(self._deleted):
            shutil.rmtree(self._settings.runs / job, ignore_errors=True)
            (self._settings.runs / LOCKS / job).unlink(missing_ok=True)
            self._deleted = version

    def _hand_back(self) -> None:
        """Give every job back to the queue at once."""
        for slot in self._slots:
            slot.stop()
            if slot.claim is None:
                continue
            try:
                if slot.outcome is not None and slot.outcome[0] != "died":
                    self._conclude(slot)
                else:
                    self._store.release(slot.claim, "its runner was stopped; it is resumed")
            except StoreError as error:
                self._say(f"{error}; job {slot.claim.job.id} is free when its lease ends")
        os.close(self._wake_r)
        os.close(self._wake_w)


def _quota(slot: Slot) -> str:
    used = "its user's quota of computing time for one job is used up"
    return f"{used} after {slot.claim.job.attempt} attempts" if slot.claim and slot.claim.job.attempt > 1 else used


def serve_jobs(settings: RunnerSettings, with_parent: bool = False) -> None:
    """Be a runner until SIGTERM or SIGINT; ``with_parent``: also end with the process that started this one."""
    from nas.service.runner.dying import die_with_parent

    if with_parent:
        die_with_parent()
    store = JobStore.open(settings.url)
    runner = Runner(settings, store, lambda line: print(f"[{settings.name}] {line}", file=sys.stderr, flush=True))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, runner.stop)
    where = f"{settings.slots} at a time, runs in {settings.runs}"
    print(f"[{settings.name}] waits for jobs; {where} (Ctrl-C stops it)", file=sys.stderr, flush=True)
    try:
        runner.run()
    finally:
        store.close()
