"""What jobs share that train."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from nas.service.runner.task import Task

if TYPE_CHECKING:
    from nas.training.trainer import Progress


def elsewhere(folder: Path, data: str) -> None:
    """Where a training is resumed, its data may be in another place of the host."""
    from nas.training.job import Job

    job = Job.open(folder)
    if job.document["data"] != data:
        job.update(data=data)


class Steps:
    """An ``on_step`` that tells progress; ``workers``: processes of a training, one unless there is Ray."""

    def __init__(self, task: Task) -> None:
        self._task, self._begin, self._first = task, time.monotonic(), -1
        self.workers = (task.workers or 1) if task.ray_address else 1

    def __call__(self, p: Progress) -> None:
        """See ``nas.training.trainer.Progress``."""
        self._first = p.step - 1 if self._first < 0 else self._first
        left_s = (time.monotonic() - self._begin) / (p.step - self._first) * (p.steps - p.step)
        message = f"epoch {p.epoch + 1}, loss {p.loss:.3f}, {p.images_per_s:,.0f} images/s"
        self._task.progress("training", p.step, p.steps, message, eta_s=round(left_s, 1), loss=round(p.loss, 5))
