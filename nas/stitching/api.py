"""``nas.stitch``: a front between pretrained networks, for the price of a short fine-tune."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.runs.place import place
from nas.stitching.question import Question
from nas.training.settings import Settings
from search_spaces import get_space
from search_spaces.errors import unknown_name
from search_spaces.stitching import Stitching, grammar, native

if TYPE_CHECKING:
    from nas.engine.driver import OnUpdate
    from nas.runs.run import Run
    from nas.stitching.begin import OnInitial
    from nas.stitching.initial import OnRoute
    from nas.training.run import OnStep

SAMPLERS = {"routes": "uniform", "ros": "ros"}
DISTILLATIONS = {"soft": 1.0, "hard": 0.0}
"""Temperature of the teacher's predictions, if not told otherwise; at 0 they are its single best class."""
TEACHER_SHARE = 0.5
"""Of the loss, as in SN-Net v1: half the labels' cross-entropy, half the teacher's."""
DEFAULTS = {"epochs": 10, "lr": 5e-4}
ROUTE_OPTIONS = ("kernel", "stride", "released")
"""Options of the space that are no matter of the data or the anchors."""
OnSpace = Callable[[Stitching], None]


def stitch(
    anchors: str | Sequence[str], data: str = "digits", *, two_way: bool = False, rank: int = 0,
    sampler: str = "routes", distillation: str = "soft", anchor_lr: float = 0.1, prune: bool = False,
    anchor_weights: Sequence[str] | None = None, random_anchors: bool = False, num_images: int = 256,
    img_size: int | None = None, space_options: Mapping[str, Any] | None = None, workers: int = 1, gpus: int = 0,
    ray_address: str | None = None, out: str | Path = "results", name: str | None = None,
    on_space: OnSpace | None = None, on_route: OnRoute | None = None, on_initial: OnInitial | None = None,
    on_start: Callable[[Run], None] | None = None,
    on_step: OnStep | None = None, on_update: OnUpdate | None = None, command: str = "", **settings: Any,
) -> Run:  # fmt: skip
    """Stitch pretrained networks and return the finished run: every route judged, the front of accuracy and MACs.

    ``anchors``: timm names, the smallest first. ``two_way``: the routes of SN-Net v2 instead of v1. ``rank``: train
    stitching layers by low-rank updates (v2); 0: whole. ``sampler``: ``routes`` (uniform) or ``ros`` (every level of
    cost equally often). ``distillation``: what half of the loss takes from a ``teacher``, its ``soft`` probabilities
    (at ``temperature``, default 1) or its ``hard`` choice; the other half are the labels. ``anchor_lr``: learning rate
    of the anchors relative to the stitching layers', 0 freezes them. ``prune``: leave out routes that another beats in
    cost and in accuracy by least squares alone. ``anchor_weights``: a file or saved
    model's folder for each anchor; default: timm's hub; ``random_anchors``: fresh ones, for a dry run. ``num_images``:
    training images of the least squares. ``img_size``: default, with the hub's weights, the anchors' own; else the
    data's. ``space_options``: ``kernel``, ``stride`` and ``released`` of the space. ``settings``: as of ``nas.train``;
    ``epochs=0``: least squares only.

    ``on_space`` is told the routes at once, ``on_initial`` what least squares gave and pruning saves. The run's folder
    ``supernet`` is what ``nas.extract`` and ``nas.evaluate`` take. Raises NasError subclasses: SpaceError, UnknownName,
    DataError, RunError, TrainingDiverged, CheckpointError.
    """
    from nas.stitching.begin import Place, begin
    from nas.training.data import load_data
    from nas.training.teacher import check_teacher

    _check(rank, anchor_lr, num_images, workers, space_options or {})
    names = grammar.names(anchors)
    of_hub = not (random_anchors or anchor_weights)
    if img_size is None:
        own = native.image_size(names)
        img_size = own if of_hub and not any("?" in n for n in names) else None  # the hub has no weights of such names
    if len(set(names)) < len(names) and of_hub:
        raise NasError("an anchor is named twice, and the hub has one set of weights for it: give another network, or "
                       "--anchor-weights for each")  # fmt: skip
    chosen, trained = _settings(sampler, distillation, img_size, settings)
    found = load_data(data, side=chosen.image_size, augment=chosen.augment, validation=chosen.validation)
    if chosen.teacher:
        check_teacher(chosen.teacher, found.facts)
    if trained and chosen.batch > found.facts.train:
        raise NasError(f"batch {chosen.batch} is more than the {found.facts.train} training images of {data}")
    options = {
        "anchors": ",".join(names), "rule": "v2" if two_way else "v1",
        "num_classes": found.facts.num_classes, "in_chans": found.facts.in_chans,
        "img_size": img_size or found.facts.side, **(space_options or {}),
    }  # fmt: skip
    space = get_space("stitching", **options)
    assert isinstance(space, Stitching)
    place(out, name or "x")
    if on_space is not None:
        on_space(space)
    source = str(Path(data).resolve()) if Path(data).exists() else data
    question = Question(
        space, options, source, found, chosen, trained, rank, anchor_lr, prune, num_images, anchor_weights,
        random_anchors,
    )  # fmt: skip
    run = begin(question, Place(out, name, command, workers), on_route, on_initial)
    if on_start is not None:
        on_start(run)
    return complete(run, workers=workers, gpus=gpus, ray_address=ray_address, on_step=on_step, on_update=on_update)


def _settings(
    sampler: str, distillation: str, img_size: int | None, given: Mapping[str, Any]
) -> tuple[Settings, bool]:  # fmt: skip
    """(the training's settings, whether there is a training at all)."""
    if sampler not in SAMPLERS:
        raise unknown_name("sampler of routes", sampler, SAMPLERS)
    if distillation not in DISTILLATIONS:
        raise unknown_name("distillation", distillation, DISTILLATIONS)
    temperature = given.get("temperature", DISTILLATIONS[distillation])
    if (distillation == "hard") != (temperature == 0):
        raise NasError(f"a temperature above 0 goes with soft distillation, hard has none; got {temperature:g} with "
                       f"{distillation}")  # fmt: skip
    if distillation == "hard" and not given.get("teacher"):
        raise NasError("hard distillation needs a teacher: timm:NAME or the folder of a saved model")
    trained = given.get("epochs") != 0
    more = {
        "sampler": SAMPLERS[sampler], "temperature": temperature, "teacher_share": TEACHER_SHARE,
        "image_size": img_size or 224,
    }  # fmt: skip
    return Settings.from_dict({**DEFAULTS, **more, **given, **({} if trained else {"epochs": 1})}), trained


def _check(rank: int, anchor_lr: float, num_images: int, workers: int, options: Mapping[str, Any]) -> None:
    for option in options:
        if option not in ROUTE_OPTIONS:
            raise unknown_name("option of the routes", option, ROUTE_OPTIONS)
    if workers < 1:
        raise NasError(f"workers must be at least 1, got {workers}")
    if rank < 0:
        raise NasError(f"rank must be at least 0 (0: whole layers are trained), got {rank}")
    if not 0 <= anchor_lr <= 1:
        raise NasError(f"anchor_lr must be from 0 (frozen) to 1, got {anchor_lr}")
    if num_images < 1:
        raise NasError(f"least squares need at least one image, got num_images {num_images}")


def complete(
    run: Run, *, workers: int | None = None, gpus: int = 0, ray_address: str | None = None,
    on_step: OnStep | None = None, on_update: OnUpdate | None = None,
) -> Run:  # fmt: skip
    """Take a stitching, new or interrupted, to its end: train, judge every route, write the front and the report."""
    from nas.runs.finish import finish
    from nas.stitching.begin import SUPERNET
    from nas.stitching.judging import judge_routes, write_routes
    from nas.training.api import continue_training
    from nas.training.job import Job

    job = Job.open(run.path / SUPERNET)
    if job.document["status"] != "done":
        job = continue_training(job.path, workers=workers, gpus=gpus, ray_address=ray_address, on_step=on_step)
    judge_routes(run, job, on_update)
    finish(run)
    write_routes(run)
    run.update(status="done")
    run.store.close()
    return run
