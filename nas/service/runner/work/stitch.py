"""A stitching: ``nas.stitch``; resumed from its folder, where its training and judging have got to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.service.jobs import Result
from nas.service.requests import StitchRequest
from nas.service.runner.describing import result_of
from nas.service.runner.task import Task
from nas.service.runner.work.engine import Watch, has_begun
from nas.service.runner.work.steps import Steps, elsewhere

if TYPE_CHECKING:
    from nas.runs.run import Run


def run(request: StitchRequest, task: Task) -> Result:
    """See ``nas.stitching.api``. Raises NasError."""
    return result_of(_finished(request, task))


def _finished(request: StitchRequest, task: Task) -> Run:
    from nas.api import load_run
    from nas.stitching.api import complete, stitch
    from nas.stitching.begin import SUPERNET
    from nas.training.checkpoint import FILE as CHECKPOINT

    watch, steps = Watch(task), Steps(task)
    workers: dict[str, Any] = {"workers": steps.workers, "ray_address": task.ray_address}
    if has_begun(task, f"{SUPERNET}/{CHECKPOINT}"):  # before, there is nothing but what begins in seconds
        task.log("resumed")
        found = load_run(task.folder)
        watch.started(found)
        elsewhere(task.folder / SUPERNET, task.places.data(request.data))
        return found if found.status == "done" else complete(found, on_step=steps, on_update=watch, **workers)
    return stitch(
        request.anchors, task.places.data(request.data), two_way=request.two_way, rank=request.rank,
        sampler=request.sampler, distillation=request.distillation, anchor_lr=request.anchor_lr, prune=request.prune,
        anchor_weights=request.weights(task.places), random_anchors=request.random_anchors,
        num_images=request.num_images, img_size=request.img_size, space_options=request.options, out=task.runs,
        name=task.job, on_route=lambda done, total: task.progress("least squares", done, total),
        on_start=watch.started, on_step=steps, on_update=watch, command=request.command_line(),
        **workers, **request.chosen(task.places) | _epochs(request),
    )  # fmt: skip


def _epochs(request: StitchRequest) -> dict[str, int]:
    return {} if request.epochs is None else {"epochs": request.epochs}
