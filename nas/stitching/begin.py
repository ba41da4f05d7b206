"""From the question to a run's folder whose training starts where least squares end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nas.engine.spec import SearchSpec
from nas.engine.survey import survey
from nas.errors import NasError
from nas.objectives import INHERITED
from nas.runs.run import STITCH, Run
from nas.stitching.anchors import Anchors, load_anchors
from nas.stitching.initial import Initial, OnRoute, initialise, judge_data, without_layers_of
from nas.stitching.pruning import Saving, survivors
from nas.stitching.question import Question
from nas.supernet.provenance import provenance
from nas.training.checkpoint import save
from nas.training.job import Job
from nas.training.judge import Judge
from nas.training.run import default_device
from nas.training.trainer import Trainer
from search_spaces.modules.calibration import batch_norms
from search_spaces.stitching.model import StitchedNet

SUPERNET = "supernet"
"""Folder of the training within a run."""
OnInitial = Callable[[Initial, Saving | None], None]


@dataclass(frozen=True)
class Place:
    """Where the run is made, and what is recorded of how."""

    out: str | Path
    name: str | None
    command: str
    workers: int


def begin(question: Question, where: Place, on_route: OnRoute | None, on_initial: OnInitial | None) -> Run:
    """Anchors, least squares, pruning; then the run with, in it, a training that has taken no step yet.

    Nothing is written before that. Raises NasError where an anchor has no weights, RunError.
    """
    q, space, device = question, question.space, default_device()
    anchors = load_anchors(space, q.weights, q.random, q.settings.seed)
    _check_heads(q, anchors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(q.settings.seed)
        net = StitchedNet(space, anchors.modules, [space.routes[n] for n in q.used]).to(device)
        judge = Judge(judge_data(q.data), q.settings.calibration, device)
        initial = initialise(net, q.data, q.num_images, judge, on_route or (lambda done, total: None))
        kept, saving = _pruned(q, initial)
        if on_initial is not None:
            on_initial(initial, saving)
        net = without_layers_of(net, kept)
        recipe = {"routes": kept, "rank": q.rank, "anchor_lr": q.anchor_lr, "new_heads": list(anchors.new_heads)}
        net.prepare(q.rank, q.anchor_lr, anchors.new_heads)
        facts = {
            **recipe, "initial": initial.to_dict(), "sources": list(anchors.sources), "saving": str(saving or "")
        }  # fmt: skip
        run = _run(q, facts, _supernet(q, net), where)
        _training(q, recipe, net, run, where)
        return run


def _check_heads(q: Question, anchors: Anchors) -> None:
    if anchors.new_heads and not (q.trained and q.anchor_lr):
        which = " and ".join(q.space.anchors[a].name for a in anchors.new_heads)
        raise NasError(
            f"{which}: the hub's classifier is not for these {q.data.facts.num_classes} classes, so a new one must be "
            "trained: neither --epochs 0 nor --freeze-anchors"
        )


def _pruned(q: Question, initial: Initial) -> tuple[list[int], Saving | None]:
    """(numbers of the routes that are trained and judged, what that saves)."""
    if not q.prune:
        return q.used, None
    routes = {n: q.space.routes[n] for n in q.used}
    kept = survivors(routes, {n: (q.macs(n), initial.accuracies[n]) for n in routes}, initial.images)
    return kept, Saving.of([routes[n] for n in kept], list(routes.values()))


def _supernet(q: Question, net: StitchedNet) -> dict[str, Any]:
    facts, statistics = q.data.facts.to_dict(), bool(batch_norms(net))
    found = provenance(SUPERNET, q.source, facts, q.settings, statistics=statistics)
    return found if q.trained else found | {"epochs": 0}


def _run(q: Question, facts: dict[str, Any], supernet: dict[str, Any], where: Place) -> Run:
    spec = SearchSpec(
        "stitching", q.options, (), objectives=(INHERITED, "macs"), proxies=(), islands=1, seed=q.settings.seed,
        candidates=len(q.used), promote=len(facts["routes"]),
    )  # fmt: skip
    return Run.create(
        spec, where.out, name=where.name,
        facts={"kind": STITCH, "survey": survey(q.space, spec.budget).to_dict(), "workers": where.workers,
               "command": where.command, "supernet": supernet, "stitching": facts},
    )  # fmt: skip


def _training(q: Question, recipe: dict[str, Any], net: StitchedNet, run: Run, where: Place) -> None:
    """The training's folder, with ``net`` as its checkpoint of step 0."""
    # A whole anchor that is frozen has nothing to learn.
    part = [n for n in recipe["routes"] if q.anchor_lr or q.space.routes[n].stitches]
    job = Job.create(
        "stitching", q.options, None, q.source, q.data.facts.to_dict(), q.settings, run.path, SUPERNET, part=part,
        supernet=recipe, trained=q.trained, workers=where.workers, command=where.command,
    )  # fmt: skip
    settings = q.settings if q.trained else replace(q.settings, ema=0.0)
    save(Trainer(net, q.data, settings).checkpoint(), job.path)
    if not q.trained:
        job.update(status="done")
