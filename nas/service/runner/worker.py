"""The process in which jobs run, one after another: it imports what is heavy once, and can be killed at any moment."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nas.service.jobs import Result
from nas.service.runner.dying import die_with_parent
from nas.service.runner.hiding import Hide
from nas.service.runner.settings import RunnerSettings

WARM = ("nas.api", "nas.engine.driver", "nas.runs.finish", "nas.report", "nas.runs.report_data", "predictors.latency")
LOCKS = ".locks"


def main(pipe: Connection, settings: RunnerSettings) -> None:
    """Take ``(job id, request)`` from the pipe, carry it out, tell of it, until the pipe ends."""
    from search_spaces.permits import forbid_imports

    die_with_parent()
    forbid_imports()
    os.setsid()  # Ctrl-C in a terminal is the runner's to handle; a kill reaches all that a job has started
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    _warm()
    while True:
        pipe.send(("ready", None))
        try:
            job, request = pipe.recv()
        except EOFError:
            return
        pipe.send(_outcome(job, request, pipe, settings))


def _warm() -> None:
    import warnings
    from importlib import import_module

    warnings.filterwarnings("ignore")
    for module in WARM:
        import_module(module)


def _outcome(job: str, request: dict[str, Any], pipe: Connection, settings: RunnerSettings) -> tuple[str, Any]:
    """``("done", Result)`` or ``("failed", problem)``."""
    from nas.errors import NasError

    hide = Hide(settings)
    try:
        return "done", _work(job, request, pipe, settings, hide)
    except NasError as error:
        return "failed", {"title": _words(type(error).__name__), "detail": hide(str(error)), "retry": False}
    except MemoryError:
        return "failed", {"title": "Out of memory", "detail": "the runner has too little memory for it", "retry": True}
    except Exception as error:
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        detail = hide(f"{type(error).__name__} at {where}: {error}")
        return "failed", {"title": "Internal error", "detail": detail, "retry": True}


def _work(job: str, request: dict[str, Any], pipe: Connection, settings: RunnerSettings, hide: Hide) -> Result:
    from nas.service.requests import Places, parse
    from nas.service.runner.task import Task
    from nas.service.runner.work import execute
    from nas.service.security.roots import DataRoots
    from nas.service.store import JobStore

    store = JobStore.open(settings.url, migrate=False)
    try:
        places = Places(DataRoots(settings.data_roots), settings.runs, store)
        task = Task(
            job, places, settings.runs, lambda kind, value: pipe.send((kind, hide.all(value))), settings.ray_address,
            settings.workers,
        )  # fmt: skip
        with _alone(settings.runs, job):
            return execute(parse(request), task)
    finally:
        store.close()


@contextmanager
def _alone(runs: Path, job: str) -> Iterator[None]:
    """Nobody else works in the job's folder: one whose runner was just killed may not have ended yet."""
    folder = runs / LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / job).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: the lease and the worker's end have to do
            print(f"no locks in {folder}", file=sys.stderr)
        yield


def _words(name: str) -> str:
    """``BudgetInfeasible`` as ``Budget infeasible``."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return spaced.capitalize()
