"""Progress of a job of a service: a search looks like one that runs here, the others are lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nas.cli.output import duration

if TYPE_CHECKING:
    from nas.engine.driver import Update
    from nas.service.jobs import Job

EVERY_S = 3.0
Watcher = Callable[["Job"], None]


@contextmanager
def watching(kind: str, stderr: bool) -> Iterator[Watcher]:
    """A watcher of a job's states."""
    if kind != "search":
        yield Lines(stderr)
        return
    from nas.cli.watch import watching as watching_search

    lines = Lines(stderr)
    with watching_search(stderr) as watch:

        def told(job: Job) -> None:
            update = update_of(job.progress)
            if update is None:
                lines(job)
            elif job.state == "running":
                watch(update)

        yield told


def update_of(progress: Any) -> Update | None:
    """A search's progress as its watchers take it; None where it is something else (waiting, say)."""
    from nas.engine.driver import Update
    from nas.runs.store import Progress

    names = ("generation", "elapsed_s", "priced", "scored", "front_size", "hypervolume")
    if not {"candidates", "to_score", *names[1:]} <= set(progress):
        return None
    state = Progress(*(progress.get(name, 0) for name in names))
    return Update(str(progress["phase"]), state, progress["candidates"], progress["to_score"], progress.get("eta_s"))


class Lines:
    """A line for each new phase and message, and one every few seconds."""

    def __init__(self, stderr: bool) -> None:
        self._stream = sys.stderr if stderr else sys.stdout
        self._start = time.monotonic()
        self._said, self._last = "", 0.0

    def __call__(self, job: Job) -> None:
        """Say where it is, if that is news."""
        text, now = line(job), time.monotonic()
        phase = f"{job.state} {job.progress.get('phase')}"
        if phase == self._said and now - self._last < EVERY_S:
            return
        self._said, self._last = phase, now
        print(f"[{now - self._start:5.1f} s] {text}", file=self._stream, flush=True)


def line(job: Job) -> str:
    """Where a job is, in words."""
    progress = job.progress
    phase = str(progress.get("phase") or job.state) if job.state == "running" else job.state
    counts = f"{progress['done']:,} of {progress['total']:,}" if progress.get("total") else ""
    left = f"about {duration(progress['eta_s'])} left" if progress.get("eta_s") else ""
    facts = ", ".join(part for part in (counts, str(progress.get("message") or ""), left) if part)
    again = f" (attempt {job.attempt})" if job.attempt > 1 else ""
    return f"{phase}{again}{': ' if facts and job.state == 'running' else ''}{facts if job.state == 'running' else ''}"
