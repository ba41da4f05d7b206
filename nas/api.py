"""The Python API: ``nas.search``, ``nas.resume``, ``nas.load_run``, ``nas.create_model``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nas.budget import Budget
from nas.devices import profile_documents
from nas.engine.spec import SearchSpec
from nas.engine.survey import Survey, survey
from nas.errors import NasError, RunError
from nas.runs.place import place
from predictors.training_free import list_proxies
from search_spaces.errors import unknown_name
from search_spaces.permits import allow_named

if TYPE_CHECKING:
    from torch import nn

    from nas.engine.driver import OnUpdate
    from nas.engine.launchers import Launcher
    from nas.runs.run import Run

OnSurvey = Callable[[Survey], None]
OnStart = Callable[["Run"], None]


def search(
    space: str = "elasticvit", budget: str | Iterable[str] | Budget | None = None, *,
    objectives: Iterable[str] | None = None, proxies: Iterable[str] | None = None, candidates: int = 200_000,
    promote: int = 32, time_s: float | None = None, workers: int | None = None, islands: int = 2, seed: int = 0,
    out: str | Path = "results", name: str | None = None, ray_address: str | None = None, storage: str | None = None,
    on_survey: OnSurvey | None = None, on_start: OnStart | None = None, on_update: OnUpdate | None = None,
    command: str = "", **space_options: Any,
) -> Run:  # fmt: skip
    """Search a space under a budget and return the finished run.

    ``budget``: such as ``"600MFLOPs"`` or ``["400..600MFLOPs", "20ms@pixel6"]``. ``objectives``: names, such as
    ``latency@pixel6``; default ``capacity`` and ``macs``. ``candidates`` are priced by the operator table on
    ``islands`` populations, and at most ``promote`` survivors of the last generation (half as many at half time) are
    judged by the ``proxies``; ``time_s`` limits the whole search instead (and gives up reproducibility). ``workers``:
    CPUs to use, default all; 0 runs everything in this process, without Ray. ``space_options``: such as
    ``num_classes=10``. ``on_survey`` is told
    what the budget means, ``on_start`` the run once its directory exists, ``on_update`` the progress.

    Raises NasError subclasses: BudgetError, BudgetInfeasible (before anything is written), UnknownName, SpaceError,
    RunError, RunFailed.
    """
    allow_named(space_options)
    limits = Budget.parse(budget)
    chosen = _given(objectives=objectives, proxies=proxies)
    spec = SearchSpec(
        space, dict(space_options), limits.texts, candidates=candidates, islands=islands, seed=seed, promote=promote,
        devices=profile_documents([*limits.intervals, *chosen.get("objectives", ())]), **chosen,
    )  # fmt: skip
    if any(o.cost == "trained" for o in spec.objective_list):
        raise NasError("inherited accuracy needs a trained supernet: nas search --supernet FOLDER")
    workers, time_s = _checked(workers, time_s)
    place(out, name or uuid4().hex)
    facts = look(spec)
    if on_survey is not None:
        on_survey(facts)
    if (refused := facts.refusal()) is not None:
        raise refused
    # Only now what takes seconds to import (pandas, SQLAlchemy): the user has been told what the budget means.
    from nas.runs.run import Run

    run = Run.create(
        spec, out, name=name, storage=storage,
        facts={"survey": facts.to_dict(), "workers": workers, "command": command, "reproducible": time_s is None},
    )  # fmt: skip
    if on_start is not None:
        on_start(run)
    return _execute(run, workers, ray_address, time_s, on_update)


def look(spec: SearchSpec) -> Survey:
    """What a budget means in a space, before any search. Raises for whatever is wrong with the inputs."""
    _ = spec.objective_list
    known = list_proxies()
    for name in spec.proxies:
        if name not in known:
            raise unknown_name("proxy", name, known)
    return survey(spec.search_space, spec.budget)


def resume(
    path: str | Path, *, workers: int | None = None, ray_address: str | None = None, storage: str | None = None,
    time_s: float | None = None, on_update: OnUpdate | None = None,
) -> Run:  # fmt: skip
    """Continue an interrupted run; the front is the one an undisturbed run would have had. A finished run stays."""
    from nas.runs.run import Run

    run = Run.open(path, storage)
    if run.status == "done":
        return run
    if run.document.get("kind") == "scale":
        raise RunError(f"{path} is a scaling: continue it with nas.resume_scale({str(path)!r})", path=str(path))
    recorded = run.document.get("workers")
    workers, time_s = _checked(workers if workers is not None else recorded, time_s)
    if time_s is not None:
        run.update(reproducible=False)
    return _execute(run, workers, ray_address, time_s, on_update)


def load_run(path: str | Path, storage: str | None = None) -> Run:
    """Open a run directory. Raises RunError."""
    from nas.runs.run import Run

    return Run.open(path, storage)


def create_model(source: str | Path, index: int = 0) -> nn.Module:
    """A PyTorch module from a run directory, an architecture file, or ``SPACE:NAME`` (a published network).

    Its weights are fresh, but of a run of ``nas.stitch`` the trained ones.
    """
    from nas.sources import resolve, stitched_run

    space, architecture = resolve(str(source), index)
    run = stitched_run(str(source))
    if run is None:
        return space.model(architecture)
    from nas.stitching.trained import trained_route

    return trained_route(run, architecture)


def _given(**options: Iterable[str] | None) -> dict[str, Any]:
    return {k: tuple([v] if isinstance(v, str) else v) for k, v in options.items() if v is not None}


def _checked(workers: int | None, time_s: float | None) -> tuple[int, float | None]:
    count = workers if workers is not None else os.cpu_count() or 1
    if not isinstance(count, int) or count < 0:
        raise NasError(f"workers must be a whole number of at least 0, got {workers!r}")
    if time_s is not None and not time_s > 0:
        raise NasError(f"time must be above 0 seconds, got {time_s!r}")
    return count, time_s


def _execute(run: Run, workers: int, ray_address: str | None, time_s: float | None, on_update: OnUpdate | None) -> Run:
    if run.is_stitched:
        from nas.stitching.api import complete as complete_stitching

        return complete_stitching(run, workers=workers or None, ray_address=ray_address, on_update=on_update)
    if "supernet" in run.document:
        from nas.supernet.api import complete

        return complete(run, on_update)
    from nas.engine.driver import Driver
    from nas.engine.launchers import LocalLauncher
    from nas.runs.finish import finish

    launcher: Launcher
    if workers == 0:
        launcher = LocalLauncher(run.spec, run.path)
    else:
        from nas.engine.ray_launcher import RayLauncher

        launcher = RayLauncher(run.spec, run.path, workers, ray_address)
    Driver(run, launcher, on_update=on_update, time_s=time_s).execute()
    finish(run)
    run.update(status="done")
    _tidy(run)
    return run


def _tidy(run: Run) -> None:
    """Drop what only an unfinished run needs: the islands' last generations, Tune's files, SQLite's journal."""
    import shutil

    run.store.close()
    for folder in ("islands", "tune"):
        shutil.rmtree(run.path / folder, ignore_errors=True)
