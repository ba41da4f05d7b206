"""A scaling: ``nas.scale``; its log of judged networks is replayed when it is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.service.jobs import Result
from nas.service.requests import ScaleRequest
from nas.service.runner.describing import result_of
from nas.service.runner.task import Task
from nas.service.runner.work.engine import has_begun

if TYPE_CHECKING:
    from nas.designers.asvit.run import Progress


def run(request: ScaleRequest, task: Task) -> Result:
    """See ``nas.scaling``. Raises NasError."""
    from nas.designers.asvit.run import begin, proceed
    from nas.runs.run import Run

    if has_begun(task):
        task.log("resumed")
    else:
        begin(request.question(task.places), task.runs, task.job, request.command_line())

    def watch(progress: Progress) -> None:
        task.progress(progress.phase, progress.done, progress.total, progress.text)

    proceed(task.folder, 0, watch)
    return result_of(Run.open(task.folder))
