"""What ``nas.search_supernet`` was asked, checked, as the specification of a search."""

from __future__ import annotations

from collections.abc import Iterable

from nas.budget import Budget
from nas.devices import profile_documents
from nas.engine.spec import SearchSpec
from nas.errors import NasError
from nas.objectives import INHERITED
from nas.training.job import Job

FIRST_POPULATION = 4096
"""Candidates that the operator table prices before anything is evaluated."""


def question(
    job: Job, budget: str | Iterable[str] | Budget | None = None, objectives: Iterable[str] | None = None,
    evaluations: int = 64, seed: int = 0,
) -> SearchSpec:  # fmt: skip
    """The search of ``job``'s supernet; ``promote`` of it are the evaluations. Raises NasError."""
    if not job.is_supernet:
        raise NasError(f"{job.path} trains one network, no supernet: 'nas train --space' makes one to search")
    limits = Budget.parse(budget)
    goals = tuple(dict.fromkeys([INHERITED, *(objectives or ("macs",))]))
    spec = SearchSpec(
        job.space.name, dict(job.document["space_options"]), limits.texts, objectives=goals, proxies=(), islands=1,
        candidates=FIRST_POPULATION, seed=seed, promote=evaluations,
        devices=profile_documents([*limits.intervals, *goals]),
    )  # fmt: skip
    _check_objectives(spec)
    return spec


def _check_objectives(spec: SearchSpec) -> None:
    proxies = [o.name for o in spec.objective_list if o.cost == "proxy"]
    if proxies:
        raise NasError(f"objective {proxies[0]!r} is a training-free proxy; a supernet is searched by {INHERITED} and "
                       "what the operator table or a device gives")  # fmt: skip
    if len(spec.objective_list) < 2:
        raise NasError(f"{INHERITED} needs a cost beside it, such as --objective macs")
