"""The training API: ``nas.train_supernet``, ``nas.train``, ``nas.finetune``, ``nas.extract``, ``nas.evaluate``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.training.data.paths import from_anywhere
from nas.training.job import Job, refuse_supernet
from nas.training.places import check_places
from nas.training.samplers.registry import SAMPLERS
from nas.training.settings import Settings
from search_spaces import Architecture, get_space
from search_spaces.errors import unknown_name
from search_spaces.permits import allow_named, code_in
from search_spaces.registry import space_class

if TYPE_CHECKING:
    from nas.training.data import Data, Facts
    from nas.training.run import OnStep

OnStart = Callable[[Job], None]
OnJudged = Callable[[dict[str, Any]], None]


def train_supernet(
    space: str = "elasticvit-small", data: str | Path = "digits", *, out: str | Path = "results",
    name: str | None = None, space_options: Mapping[str, Any] | None = None, workers: int = 1, gpus: int = 0,
    ray_address: str | None = None, on_start: OnStart | None = None, on_step: OnStep | None = None, command: str = "",
    **settings: Any,
) -> Job:  # fmt: skip
    """Train a whole space at once; returns the job, whose folder ``nas.search(supernet=...)`` and others take.

    ``data``: ``digits``, ``FILE.npz``, a folder and others (see ``nas.training.data.sources.FORMS``). ``workers``:
    processes that share every batch, through Ray where there are several or ``ray_address`` is given; ``gpus`` of them
    get a GPU each. ``settings``: fields of :class:`nas.training.settings.Settings`, such as ``sampler="sandwich"``.
    A module of your own: ``train_supernet("sorted_net", space_options={"model": "mynets:make_net"})``.

    Raises NasError subclasses: UnknownName, SpaceError, DataError, RunError, TrainingDiverged, CheckpointError.
    """
    check_places(workers, gpus, ray_address)
    chosen = _settings(settings)
    found = _data(str(data), chosen)
    given = dict(space_options or {})
    allow_named(given)
    options = options_for(space, found.facts) | (_side(space, given, found.facts) | given)
    made = get_space(space, **options)
    if chosen.sampler not in SAMPLERS:
        raise unknown_name("sampler", chosen.sampler, SAMPLERS)
    options |= {name: made.options[name] for name in options if name in made.options}
    job = Job.create(
        space, options, None, from_anywhere(str(data)), found.facts.to_dict(), chosen, out, name, workers=workers,
        gpus=gpus, command=command,
    )  # fmt: skip
    return _run(job, workers, gpus, ray_address, on_start, on_step)


def train(
    architecture: str, data: str | Path = "digits", *, out: str | Path = "results", name: str | None = None,
    workers: int = 1, gpus: int = 0, ray_address: str | None = None, on_start: OnStart | None = None,
    on_step: OnStep | None = None, command: str = "", **settings: Any,
) -> Job:  # fmt: skip
    """Train one architecture (``SPACE:NAME``, ``RUN#INDEX``, a file) from scratch; see :func:`train_supernet`.

    Its classes and channels become those of the data. The job's folder is a saved model (``nas.load_model``).
    """
    from nas.sources import resolve

    check_places(workers, gpus, ray_address)
    chosen = _settings(settings)
    found = _data(str(data), chosen)
    options, made = _for_data(resolve(architecture)[1], found.facts)
    job = Job.create(
        made.space, options, made, from_anywhere(str(data)), found.facts.to_dict(), chosen, out, name, workers=workers,
        gpus=gpus, command=command,
    )  # fmt: skip
    return _run(job, workers, gpus, ray_address, on_start, on_step)


def finetune(
    model: str | Path, data: str | Path = "digits", *, out: str | Path = "results", name: str | None = None,
    workers: int = 1, gpus: int = 0, ray_address: str | None = None, on_start: OnStart | None = None,
    on_step: OnStep | None = None, command: str = "", **settings: Any,
) -> Job:  # fmt: skip
    """Train a saved model (a folder with ``model.json`` and weights) further; see :func:`train_supernet`.

    Where the data has another number of classes, the classifier begins anew.
    """
    from nas.sources import resolve
    from nas.weights import MODEL_JSON, weights_beside

    if weights_beside(str(model)) is None:
        refuse_supernet(Path(model))
        raise NasError(f"{model} is no saved model with weights; 'nas extract' and 'nas train ARCH' write one")
    check_places(workers, gpus, ray_address)
    chosen = _settings({"lr": FINETUNE_LR, "epochs": 5, **settings})
    found = _data(str(data), chosen)
    given = resolve(str(Path(model) / MODEL_JSON))[1]
    channels, images = given.options.get("in_chans", found.facts.in_chans), found.facts.in_chans
    if channels != images:
        raise NasError(f"{model} takes images of {channels} channels, those of {data} have {images}")
    options, made = _for_data(given, found.facts)
    job = Job.create(
        made.space, options, made, from_anywhere(str(data)), found.facts.to_dict(), chosen, out, name, workers=workers,
        gpus=gpus, command=command, start=from_anywhere(str(model)),
    )  # fmt: skip
    return _run(job, workers, gpus, ray_address, on_start, on_step)


FINETUNE_LR = 2e-4
"""A tenth of a training's from scratch."""


def continue_training(
    folder: str | Path, *, workers: int | None = None, gpus: int | None = None, ray_address: str | None = None,
    on_start: OnStart | None = None, on_step: OnStep | None = None,
) -> Job:  # fmt: skip
    """Continue an interrupted training from its last checkpoint; a finished one stays as it is.

    ``workers`` and ``gpus`` are as at its start unless given; ``workers=0`` is this process alone.
    """
    job = Job.open(folder)
    if job.document["status"] == "done":
        return job
    count = int(job.document.get("workers", 1)) if workers is None else max(1, workers)
    if gpus is None:
        gpus = count if job.document.get("gpus", 0) else 0
    check_places(count, gpus, ray_address)
    return _run(job, count, gpus, ray_address, on_start, on_step)


def options_for(space: str, facts: Facts) -> dict[str, Any]:
    """Options of the space for this data: its classes and channels, where it has such options."""
    allowed = inspect.signature(space_class(space)).parameters
    of_data = {"num_classes": facts.num_classes, "in_chans": facts.in_chans}
    return {k: v for k, v in of_data.items() if k in allowed}


def _side(space: str, given: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """A network of the user's own is made for images of the data's size; a published one for its own."""
    sized = "img_size" in inspect.signature(space_class(space)).parameters
    return {"img_size": facts.side} if sized and code_in(given) else {}


def _for_data(architecture: Architecture, facts: Facts) -> tuple[dict[str, Any], Architecture]:
    """(space options, the same structure under them) with this data's classes and channels."""
    options = architecture.options | options_for(architecture.space, facts)
    return options, get_space(architecture.space, **options).architecture(architecture.config)


def _settings(given: Mapping[str, Any]) -> Settings:
    return Settings.from_dict({**given, "teacher": from_anywhere(str(given.get("teacher", "")))})


def _data(source: str, settings: Settings) -> Data:
    from nas.training.data import load_data

    found = load_data(source, side=settings.image_size, augment=settings.augment, validation=settings.validation)
    if settings.batch > found.facts.train:
        raise NasError(f"batch {settings.batch} is more than the {found.facts.train} training images of {source}")
    if settings.teacher:
        from nas.training.teacher import check_teacher

        check_teacher(settings.teacher, found.facts)
    return found


def _run(
    job: Job, workers: int, gpus: int, ray_address: str | None, on_start: OnStart | None, on_step: OnStep | None
) -> Job:
    if on_start is not None:
        on_start(job)
    if workers == 1 and ray_address is None:
        from nas.training.diverging import recorded
        from nas.training.run import run_job

        with recorded(job.path):
            run_job(job.path, on_step=on_step or (lambda progress: None))
    else:
        from nas.training.ray_launcher import launch

        launch(job, workers, gpus, ray_address, on_step or (lambda progress: None))
    return Job.open(job.path)


def evaluate(
    supernet: str | Path, architectures: Iterable[str], *, part: str = "test", on_judged: OnJudged | None = None
) -> list[dict[str, Any]]:  # fmt: skip
    """Judge subnets with inherited weights on the ``test`` or ``validation`` images: one row for each.

    A row has ``name``, ``id``, ``accuracy`` (a share), ``loss``, ``images``, ``calibrated`` (training images from which
    its batch statistics were re-estimated), ``macs`` and ``params``. What is judged before or after changes nothing.
    """
    from nas.training.data.decoders import decoders
    from nas.training.judge import Judge
    from nas.training.run import default_device

    job, device = Job.open(supernet), default_device()
    asked = [(text, named(job, text)) for text in architectures]
    if part not in ("test", "validation"):
        raise NasError(f"part must be test or validation, got {part!r}")
    data, module = job.load_data(workers=decoders(device)), job.load_supernet().to(device)
    judge = Judge(data, job.settings.calibration, device)
    rows = []
    for text, architecture in asked:
        price = job.space.price_architecture(architecture)
        row = {"name": text, "id": architecture.id, **vars(judge.subnet(module, architecture, part)[1])}
        rows.append(row | {"macs": price["macs"], "params": price["params"]})
        if on_judged is not None:
            on_judged(rows[-1])
    return rows


def extract(supernet: str | Path, architecture: str, out: str | Path) -> Path:
    """Write a subnet with its inherited weights as a saved model (``nas.load_model(out)``); returns ``out``.

    Its batch statistics are re-estimated, and its accuracy on the held-out and test images stands in ``model.json``.
    """
    from nas.training.data.decoders import decoders
    from nas.training.judge import Judge
    from nas.training.run import default_device, trained_facts
    from nas.weights import save_model

    job, device = Job.open(supernet), default_device()
    chosen, data = named(job, architecture), job.load_data(workers=decoders(device))
    judge = Judge(data, job.settings.calibration, device)
    module, judgement = judge.subnet(job.load_supernet().to(device), chosen)
    judged = {"validation": judgement, "test": judge.network(module, "test", judgement.calibrated)}
    facts = trained_facts(job, data, judged)
    facts["trained"] |= {"as": f"part of a supernet ({job.settings.sampler} sampler)"}
    return save_model(module.cpu(), chosen, out, facts)


def named(job: Job, text: str) -> Architecture:
    """An architecture of the job's space: ``smallest``, ``largest``, or as in ``nas.sources``, with its options."""
    from nas.sources import FORMS, resolve
    from nas.training.samplers.extremes import largest, smallest

    if text in ("smallest", "largest"):
        return (smallest if text == "smallest" else largest)(job.space)
    if not any(mark in text for mark in ":#./") and not Path(text).exists():
        raise NasError(f"{text!r} names no subnet: write smallest, largest, {FORMS}")
    space, architecture = resolve(text)
    if space.name != job.space.name:
        raise NasError(f"{text} is of space {space.name}, the supernet {job.path} of {job.space.name}")
    return job.space.architecture(architecture.config)
