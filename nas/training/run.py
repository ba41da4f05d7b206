"""What one worker of a training job does, from its folder alone; the same with and without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.training.checkpoint import FILE as CHECKPOINT
from nas.training.checkpoint import load, save
from nas.training.data import Data
from nas.training.data.dataset import unreadable
from nas.training.data.decoders import decoders
from nas.training.group import Group
from nas.training.job import Job
from nas.training.judge import Judge, Judgement
from nas.training.logs import Log
from nas.training.samplers import make_sampler
from nas.training.samplers.extremes import largest, smallest
from nas.training.teacher import make_teacher
from nas.training.trainer import Progress, Trainer

CHECKPOINT_EVERY_S = 120.0
"""Seconds between checkpoints within an epoch; one is written at the end of each."""
OnStep = Callable[[Progress], None]


def default_device() -> torch.device:
    """The first GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def run_job(folder: Path, *, device: torch.device | None = None, on_step: OnStep = lambda p: None) -> None:
    """Train from the last checkpoint (or the beginning) to the end, and judge. Only worker 0 writes.

    Raises NasError subclasses; what was reached is kept and can be continued.
    """
    job, group, device = Job.open(folder), Group(), device or default_device()
    data = job.load_data(workers=decoders(device, group.world))
    trainer = _trainer(job, data, group, device)
    if (job.path / CHECKPOINT).is_file():
        trainer.restore(load(job.path))
    if group.rank > 0:
        trainer.run()
        return
    log = Log(job.path, trainer.step)
    try:
        _Writer(job, trainer, log, on_step).run()
        with trainer.average.applied():
            _conclude(job, trainer, data, log)
    finally:
        log.close()


def _trainer(job: Job, data: Data, group: Group, device: torch.device) -> Trainer:
    settings = job.settings
    sampler = make_sampler(settings.sampler, job.space) if job.is_supernet else None
    teacher = make_teacher(settings.teacher, data.facts, settings.temperature, device) if settings.teacher else None
    return Trainer(_model(job), data, settings, sampler, teacher=teacher, device=device, group=group)


def _model(job: Job) -> nn.Module:
    """The supernet or network with the weights that its training starts from."""
    from nas.weights import load_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.settings.seed)
        if job.is_supernet:
            return job.new_supernet()  # type: ignore[no-any-return]
        if not job.document.get("start"):
            return job.space.model(job.architecture)  # type: ignore[arg-type]
        model: Any = load_model(job.document["start"])
        if model.num_classes == job.space.options.get("num_classes", model.num_classes):
            return model  # type: ignore[no-any-return]
        if not hasattr(model, "reset_classifier"):  # a user's own module
            return _refilled(job.space.model(job.architecture), model)  # type: ignore[arg-type]
        model.reset_classifier(job.space.options["num_classes"])
        return model  # type: ignore[no-any-return]


def _refilled(model: nn.Module, source: nn.Module) -> nn.Module:
    """``model`` with every tensor of ``source`` that has its shape; what depends on the classes stays fresh."""
    own, given = model.state_dict(), source.state_dict()
    model.load_state_dict(own | {n: t for n, t in given.items() if n in own and own[n].shape == t.shape})
    return model


class _Writer:
    """Runs the trainer; writes the log, and checkpoints every epoch and every two minutes."""

    def __init__(self, job: Job, trainer: Trainer, log: Log, on_step: OnStep) -> None:
        self._job, self._trainer, self._log, self._on_step = job, trainer, log, on_step
        self._saved_at = time.monotonic()

    def run(self) -> None:
        self._job.update(status="running")
        self._trainer.run(self._step, lambda epoch: self._save())
        self._save()

    def _step(self, progress: Progress) -> None:
        self._log.step(progress)
        if time.monotonic() - self._saved_at > CHECKPOINT_EVERY_S:
            self._save()
        self._on_step(progress)

    def _save(self) -> None:
        save(self._trainer.checkpoint(), self._job.path)
        self._saved_at = time.monotonic()


def _conclude(job: Job, trainer: Trainer, data: Data, log: Log) -> None:
    """Judge what was trained: a network on the test images, a supernet's ends on the held-out ones."""
    judge = Judge(data, job.settings.calibration, trainer.device)
    if job.is_supernet:
        ends = {"smallest": smallest(job.space), "largest": largest(job.space)}
        judged = [_row(n, a.id, "validation", judge.subnet(trainer.model, a)[1]) for n, a in ends.items()]
    else:
        judged = _save_network(job, trainer.model, judge, data)
    log.scalars(trainer.step, {f"accuracy/{row['name']}": row["accuracy"] for row in judged})
    job.update(status="done", judged=judged, unreadable=unreadable(data))


def _save_network(job: Job, model: nn.Module, judge: Judge, data: Data) -> list[dict[str, Any]]:
    from nas.weights import save_model

    assert job.architecture is not None
    calibrated = judge.calibrate(model)
    parts = {part: judge.network(model, part, calibrated) for part in ("validation", "test")}
    save_model(model, job.architecture, job.path, trained_facts(job, data, parts))
    return [_row(part, job.architecture.id, part, judgement) for part, judgement in parts.items()]


def trained_facts(job: Job, data: Data, judged: dict[str, Judgement]) -> dict[str, Any]:
    """What ``model.json`` says of a trained network: how to feed it, what it reached, on what."""
    one = next(iter(judged.values()))
    return {
        "mean": list(data.facts.mean), "std": list(data.facts.std),
        "trained": {
            "data": job.document["data"],
            "epochs": job.settings.epochs if job.document.get("trained", True) else 0, "seed": job.settings.seed,
            "accuracy": {part: round(j.accuracy, 6) for part, j in judged.items()},
            "batch_statistics": f"re-estimated on {one.calibrated} training images" if one.calibrated else "none",
        },
    }  # fmt: skip


def _row(name: str, architecture: str, part: str, judgement: Judgement) -> dict[str, Any]:
    return {"name": name, "architecture": architecture, "part": part, **vars(judgement)}
