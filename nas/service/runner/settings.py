"""How a runner is set up, as one frozen value that its worker processes are handed."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError


def default_name() -> str:
    """Host and process: what an operator looks for."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class RunnerSettings:
    """See ``nas runner --help``. ``data`` holds the runs, in ``runs/JOB``; runners that share it resume each other's.

    ``slots``: jobs at a time, each in a process of its own. ``lease_s``: seconds of silence after which a job is given
    to another runner. ``ray_address``: where searches and trainings run on Ray, with ``workers`` CPUs (None: all);
    without one everything is in the worker process. ``data_roots``: folders that requests may name files in.
    """

    url: str
    data: Path
    slots: int = 1
    lease_s: float = 30.0
    poll_s: float = 0.3
    ray_address: str | None = None
    workers: int | None = None
    data_roots: Mapping[str, Path] = field(default_factory=dict)
    name: str = field(default_factory=default_name)

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= 256:
            raise NasError(f"--slots must be from 1 to 256, got {self.slots}")
        if not 1 <= self.lease_s <= 86_400:
            raise NasError(f"--lease must be from 1 to 86400 seconds, got {self.lease_s:g}")

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.data / "runs"

    @property
    def threads(self) -> int:
        """CPU threads of a worker: an equal share."""
        return max((os.cpu_count() or 1) // self.slots, 1)
