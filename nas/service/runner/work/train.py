"""A training of a space or of one architecture: ``nas.train``; resumed from its last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nas.service.jobs import Result
from nas.service.requests import TrainRequest
from nas.service.runner.describing import CODE, described, front_document
from nas.service.runner.task import Task
from nas.service.runner.work.engine import has_begun
from nas.service.runner.work.steps import Steps, elsewhere

if TYPE_CHECKING:
    from nas.training.job import Job
    from search_spaces import Architecture

LOAD = 'import nas\n\nmodel = nas.load_model("FOLDER")  # with model.json and weights.safetensors as downloaded here'


def run(request: TrainRequest, task: Task) -> Result:
    """See ``nas.training.api``. Raises NasError."""
    return _result(_finished(request, task))


def _finished(request: TrainRequest, task: Task) -> Job:
    from nas.training import api

    steps = Steps(task)
    workers: dict[str, Any] = {"workers": steps.workers, "ray_address": task.ray_address, "on_step": steps}
    if has_begun(task, "train.json"):
        task.log("resumed")
        elsewhere(task.folder, task.places.data(request.data))
        return api.continue_training(task.folder, **workers)
    common = {
        "data": task.places.data(request.data), "out": task.runs, "name": task.job, "command": request.command_line(),
        **request.chosen(task.places), **({} if request.epochs is None else {"epochs": request.epochs}),
    }  # fmt: skip
    if request.space is not None:
        return api.train_supernet(request.space, space_options=request.options, **workers, **common)
    return _network(request, task, workers | common)


def _network(request: TrainRequest, task: Task, options: dict[str, Any]) -> Job:
    """``nas.train`` takes a name or a file: an architecture of a request is written into one."""
    from nas.training import api

    file = task.runs / f"{task.job}.architecture.json"
    file.write_text(request.network(task.places).to_json(), encoding="utf-8")
    try:
        return api.train(str(file), **options)
    finally:
        file.unlink(missing_ok=True)


def _result(job: Job) -> Result:
    """One row for a network (accuracy on the test images); a supernet's smallest and largest subnet (held-out ones)."""
    from nas.objectives import INHERITED_OBJECTIVE, Objective, get_objectives
    from nas.runs.calibrated import TRAINED
    from nas.training.samplers.extremes import largest, smallest

    ends = [smallest(job.space), largest(job.space)] if job.architecture is None else [job.architecture]
    goal = INHERITED_OBJECTIVE if job.is_supernet else Objective(TRAINED, "max", "Accuracy", "%", 0.01, "trained")
    columns = ["id", *job.space.quantities, goal.name]
    accuracies = {row["architecture"]: row["accuracy"] for row in job.document["judged"]}
    rows = []
    for architecture in ends:
        price = job.space.price_architecture(architecture)
        amounts = [_number(price[q]) for q in job.space.quantities]
        rows.append([architecture.id, *amounts, round(accuracies[architecture.id], 6)])
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    goals = [goal, *get_objectives(("macs",))]
    last, trained = len(rows) - 1, job.document
    summary = {
        "title": f"{trained['kind']} of {job.space.name} on {trained['facts']['source']}", "space": job.space.name,
        "budget": [], "rows": len(rows), "recommended": named[last],
        "judged": [{k: r[k] for k in ("name", "part", "accuracy", "loss", "images")} for r in trained["judged"]],
        "reproducible": True,
    }  # fmt: skip
    return Result(summary, front_document(columns, rows, goals, last, final=True), _documents(job, ends, named))


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _documents(job: Job, ends: Sequence[Architecture], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from nas.runs.report_data import stage_rows

    more: dict[str, Any] = {"name": job.space.name, "totals": {}, "devices": [], "json_path": ""}
    more |= {"code": CODE, "weights": None} if job.is_supernet else {"code": LOAD, "weights": "model.safetensors"}
    stages = [[asdict(stage) for stage in stage_rows(job.space, architecture)] for architecture in ends]
    return [known | {"stages": s} | more for known, s in zip(described(job.space, ends, rows), stages, strict=True)]
