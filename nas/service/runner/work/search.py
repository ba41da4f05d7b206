"""A search: ``nas.search``, in this process or on a Ray cluster; resumed from its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.service.jobs import Result
from nas.service.requests import SearchRequest
from nas.service.runner.describing import result_of
from nas.service.runner.task import Task
from nas.service.runner.work.engine import Watch, has_begun

if TYPE_CHECKING:
    from nas.runs.run import Run


def run(request: SearchRequest, task: Task) -> Result:
    """See ``nas.api.search``. Raises NasError."""
    return result_of(_finished(request, task))


def _finished(request: SearchRequest, task: Task) -> Run:
    from nas.api import load_run, resume, search

    watch = Watch(task)
    if has_begun(task):
        task.log("resumed")
        watch.started(load_run(task.folder))
        return resume(
            task.folder, workers=task.engine_workers, ray_address=task.ray_address, time_s=request.time_s,
            on_update=watch,
        )  # fmt: skip
    options: dict[str, Any] = dict(request.options)
    if request.supernet is not None:
        return _of_supernet(request, task, watch)
    return search(
        request.space, request.budget, objectives=request.objectives, proxies=request.proxies,
        candidates=request.candidates, promote=request.promote, time_s=request.time_s, workers=task.engine_workers,
        islands=request.islands, seed=request.seed, out=task.runs, name=task.job, ray_address=task.ray_address,
        on_start=watch.started, on_update=watch, command=request.command_line(), **options,
    )  # fmt: skip


def _of_supernet(request: SearchRequest, task: Task, watch: Watch) -> Run:
    from nas.supernet.api import search_supernet

    task.places.job(str(request.supernet), "train")
    return search_supernet(
        task.places.folder(str(request.supernet)), request.budget, evaluations=request.evaluations,
        objectives=request.objectives, seed=request.seed, out=task.runs, name=task.job, on_start=watch.started,
        on_update=watch, command=request.command_line(),
    )  # fmt: skip
