"""One place for a job in a runner: a worker process, the claim it works on, and what it has told since."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from nas.service.jobs import Claim
from nas.service.runner.settings import RunnerSettings
from nas.service.runner.worker import main

MOST_JOBS = 200
"""Jobs after which a worker makes place for a fresh one: what libraries keep is returned."""
NEWS_S = 1.0
"""Seconds between heartbeats that tell something."""
SPAWN = multiprocessing.get_context("spawn")


@dataclass
class News:
    """What a worker told since the last heartbeat; the latest of each, and every line."""

    progress: dict[str, Any] | None = None
    front: dict[str, Any] | None = None
    lines: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.progress is not None or self.front is not None or bool(self.lines)


class Slot:
    """Owns one worker process at a time. ``outcome`` is ``(kind, value)`` once the job has ended, by itself or not."""

    def __init__(self, settings: RunnerSettings) -> None:
        self._settings = settings
        self._worker: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._jobs = 0
        self.ready = False
        self.claim: Claim | None = None
        self.news = News()
        self.outcome: tuple[str, Any] | None = None
        self.held_until = self.beat = self.ends = 0.0

    @property
    def pipe(self) -> Connection | None:
        """What to wait on."""
        return self._pipe

    @property
    def free(self) -> bool:
        """Whether it can take a job."""
        return self.ready and self.claim is None

    def ensure(self) -> None:
        """Have a worker process."""
        if self._worker is not None:
            return
        self._pipe, other = SPAWN.Pipe()
        self._worker = SPAWN.Process(target=main, args=(other, self._settings), name="nas worker")
        self._worker.start()
        other.close()  # else its end is never seen
        self.ready, self._jobs = False, 0

    def start(self, claim: Claim, asked: float) -> None:
        """Hand the job to the worker; ``asked``: the time (monotonic) at which its claim was asked for."""
        self.claim, self.news, self.outcome = claim, News(), None
        self.ready, self._jobs = False, self._jobs + 1
        self.beat, self.held_until = asked, asked + self._settings.lease_s
        self.ends = float("inf") if claim.left_s is None else asked + claim.left_s
        try:
            assert self._pipe is not None
            self._pipe.send((claim.job.id, dict(claim.job.request)))
        except OSError:
            self._ended()

    def listen(self) -> None:
        """Take in what the worker has said."""
        try:
            while self._pipe is not None and self._pipe.poll():
                self._hear(*self._pipe.recv())
        except (EOFError, OSError):
            self._ended()

    def _hear(self, kind: str, value: Any) -> None:
        if kind == "ready":
            self.ready = True
        elif kind == "log":
            self.news.lines.append(value)
        elif kind in ("progress", "front"):
            setattr(self.news, kind, value)
        else:
            self.outcome = (kind, value)

    def _ended(self) -> None:
        """The worker is gone, and nobody had asked it to go."""
        code = self.stop()
        if self.claim is not None and self.outcome is None:
            self.outcome = ("died", code)

    def leave(self) -> None:
        """Done with the job; a worker that has done enough goes too."""
        self.claim, self.outcome, self.news = None, None, News()
        if self._jobs >= MOST_JOBS:
            self.stop()

    def stop(self) -> int | None:
        """Kill the worker and all that it has started; returns its exit code."""
        worker, self._worker, self.ready = self._worker, None, False
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if worker is None or worker.pid is None:
            return None
        # Before it has a group of its own, the group would be the runner's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(worker.pid) == worker.pid:
                os.killpg(worker.pid, signal.SIGKILL)
        worker.kill()
        worker.join()
        code = worker.exitcode
        worker.close()
        return code

    def due(self, now: float) -> bool:
        """Whether it is time for a heartbeat: at once with news, but no more than one a second."""
        since = now - self.beat
        return since >= self._settings.lease_s / 3 or (
            bool(self.news) and since >= min(1.0, self._settings.lease_s / 3)
        )
