"""``nas.search_supernet``: which subnets of a trained supernet are worth training or shipping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api import OnStart, OnSurvey, look
from nas.budget import Budget
from nas.runs.place import place
from nas.supernet.provenance import of_job
from nas.supernet.question import question
from nas.training.job import Job

if TYPE_CHECKING:
    from nas.engine.driver import OnUpdate
    from nas.runs.run import Run


def search_supernet(
    supernet: str | Path, budget: str | Iterable[str] | Budget | None = None, *, evaluations: int = 64,
    objectives: Iterable[str] | None = None, seed: int = 0, out: str | Path = "results", name: str | None = None,
    on_survey: OnSurvey | None = None, on_start: OnStart | None = None, on_update: OnUpdate | None = None,
    command: str = "",
) -> Run:  # fmt: skip
    """Search a trained supernet (the folder of ``nas train --space``) and return the finished run.

    ``objectives``: default ``inherited_accuracy`` and ``macs``; any others of the operator table or a device may stand
    beside the first. Raises NasError subclasses.
    """
    job = Job.open(supernet)
    spec = question(job, budget, objectives, evaluations, seed)
    facts = look(spec)
    place(out, name or "x")
    if on_survey is not None:
        on_survey(facts)
    if (refused := facts.refusal()) is not None:
        raise refused
    from nas.runs.run import Run  # takes seconds, and the user has been told what the budget means

    run = Run.create(
        spec, out, name=name,
        facts={"survey": facts.to_dict(), "workers": 1, "command": command, "reproducible": True,
               "supernet": of_job(job)},
    )  # fmt: skip
    if on_start is not None:
        on_start(run)
    return complete(run, on_update)


def complete(run: Run, on_update: OnUpdate | None = None) -> Run:
    """Take a search of a supernet, new or interrupted, to its end."""
    from nas.runs.finish import finish
    from nas.supernet.evaluating import evaluate_rounds, inherited_accuracy
    from nas.supernet.ledger import Ledger
    from nas.supernet.rounds import predictor_error

    ledger = Ledger(run)
    evaluate_rounds(ledger, inherited_accuracy(Job.open(run.document["supernet"]["path"])), on_update)
    error = predictor_error(run.spec, ledger.known())
    run.update(predictor=None if error is None else asdict(error))
    finish(run)
    run.update(status="done")
    run.store.close()
    return run
