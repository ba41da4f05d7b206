"""What the work of one job is given: where it lives, what it may use, and whom it tells how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.service.requests import Places

EVERY_S = 1.0
"""Seconds between reports of progress, and between fronts."""
Tell = Callable[[str, Any], None]


@dataclass
class Task:
    """One attempt at a job. ``folder`` is there where an attempt before got so far.

    ``tell(kind, value)`` takes ``("progress", dict)``, ``("front", dict)`` and ``("log", line)`` to the runner.
    """

    job: str
    places: Places
    runs: Path
    tell: Tell
    ray_address: str | None = None
    workers: int | None = None
    _told: dict[str, float] = field(default_factory=dict)
    _phase: str = ""

    @property
    def folder(self) -> Path:
        """The job's own folder."""
        return self.runs / self.job

    @property
    def engine_workers(self) -> int | None:
        """``workers`` of the engine: 0, this process, unless there is a Ray cluster."""
        return self.workers if self.ray_address else 0

    def log(self, line: str) -> None:
        """A line for the job's log."""
        self.tell("log", line)

    def progress(self, phase: str, done: float | None, total: float | None, message: str = "", **more: Any) -> None:
        """How far it is; often called, seldom told: a new phase at once, else once a second."""
        if not self.due("progress") and phase == self._phase:
            return
        if phase != self._phase:
            self._phase = phase
            self.log(phase if not message else f"{phase}: {message}")
        self._told["progress"] = time.monotonic()
        self.tell("progress", {"phase": phase, "done": done, "total": total, "message": message, **more})

    def front(self, document: dict[str, Any]) -> None:
        """The front so far; ask :meth:`due` before making it."""
        self._told["front"] = time.monotonic()
        self.tell("front", document)

    def due(self, kind: str) -> bool:
        """Whether the last report of that kind is long enough ago."""
        return time.monotonic() - self._told.get(kind, -EVERY_S) >= EVERY_S
