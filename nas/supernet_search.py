"""Search by trained accuracy: the last level of the cascade, on a supernet of ``nas train --space``.

The operator table prices a first generation, of which a spread of the best and a spread of the whole are evaluated.
Then rounds: Optuna proposes from what was evaluated, a predictor fitted to it picks the candidates that would add most
to the front, those are evaluated. Every evaluation is a subnet with inherited weights and statistics of its own, on
images held out of the training. The result is a run like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.api import OnStart, OnSurvey, look
from nas.budget import Budget
from nas.devices import profile_documents
from nas.engine.merge import Archive
from nas.engine.nsga2 import violation
from nas.engine.pareto import hypervolume, non_dominated
from nas.engine.proposals import pick, propose
from nas.engine.spec import SearchSpec
from nas.engine.surrogate import HeldOutError, Surrogate, held_out_error
from nas.errors import BudgetInfeasible, NasError
from nas.objectives import INHERITED
from nas.runs.place import place
from nas.training.job import Job
from search_spaces import Architecture
from search_spaces.space import Genomes

if TYPE_CHECKING:
    from nas.engine.driver import OnUpdate
    from nas.runs.run import Run

FIRST_POPULATION = 4096
"""Candidates that the operator table prices before anything is evaluated."""
FIRST_SHARE = 0.25
"""Of the evaluations, those spent before the first fit."""
ROUND = 8
PROPOSALS = 96
Evaluate = Callable[[Architecture], float]


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
    from nas.runs.run import Run

    job = Job.open(supernet)
    if not job.is_supernet:
        raise NasError(f"{supernet} trains one network, no supernet: 'nas train --space' makes one to search")
    limits = Budget.parse(budget)
    goals = tuple(dict.fromkeys([INHERITED, *(objectives or ("macs",))]))
    spec = SearchSpec(
        job.space.name, dict(job.document["space_options"]), limits.texts, objectives=goals, proxies=(), islands=1,
        candidates=FIRST_POPULATION, seed=seed, promote=evaluations,
        devices=profile_documents([*limits.intervals, *goals]),
    )  # fmt: skip
    _check(spec)
    facts = look(spec)
    place(out, name or "x")
    if on_survey is not None:
        on_survey(facts)
    if not facts.satisfiable:
        raise BudgetInfeasible(facts.reason)
    run = Run.create(
        spec, out, name=name,
        facts={"survey": facts.to_dict(), "workers": 1, "command": command, "reproducible": True,
               "supernet": _trained(job)},
    )  # fmt: skip
    if on_start is not None:
        on_start(run)
    return complete(run, on_update)


def _trained(job: Job) -> dict[str, Any]:
    """How the supernet was trained and how its subnets are judged, for ``run.json``."""
    from nas.training.judge import CALIBRATION_BATCH, CALIBRATION_SEED

    settings, images = job.settings, job.document["facts"]
    count = min(settings.calibration, images["train"]) if _has_batch_norms(job) else 0
    calibration = {
        "images": count - (count % CALIBRATION_BATCH == 1), "batch": CALIBRATION_BATCH, "seed": CALIBRATION_SEED,
    }  # fmt: skip
    return {
        "path": str(job.path.resolve()), "data": job.document["data"], "validation": images["validation"],
        "calibration": calibration, "sampler": settings.sampler, "epochs": settings.epochs,
    }  # fmt: skip


def _has_batch_norms(job: Job) -> bool:
    import torch

    from nas.training.samplers.extremes import smallest
    from search_spaces.modules.calibration import batch_norms

    with torch.device("meta"):
        return bool(batch_norms(job.space.model(smallest(job.space))))


def _check(spec: SearchSpec) -> None:
    proxies = [o.name for o in spec.objective_list if o.cost == "proxy"]
    if proxies:
        raise NasError(f"objective {proxies[0]!r} is a training-free proxy; a supernet is searched by {INHERITED} and "
                       "what the operator table or a device gives")  # fmt: skip
    if len(spec.objective_list) < 2:
        raise NasError(f"{INHERITED} needs a cost beside it, such as --objective macs")


def complete(run: Run, on_update: OnUpdate | None = None) -> Run:
    """Take a search of a supernet, new or interrupted, to its end."""
    from nas.runs.finish import finish

    search = SupernetSearch(run, evaluator(Job.open(run.document["supernet"]["path"])), on_update)
    search.execute()
    error = search.predictor_error()
    run.update(predictor=None if error is None else asdict(error))
    finish(run)
    run.update(status="done")
    run.store.close()
    return run


def evaluator(job: Job) -> Evaluate:
    """Architecture -> accuracy on the held-out images; see :class:`nas.training.judge.Judge`."""
    from nas.training.judge import Judge
    from nas.training.run import default_device

    device = default_device()
    supernet, judge = job.load_supernet().to(device), Judge(job.load_data(), job.settings.calibration, device)
    return lambda architecture: judge.subnet(supernet, architecture)[1].accuracy


class SupernetSearch:
    """Runs the rounds of a search, or those that are left; on return everything is in the database."""

    def __init__(self, run: Run, evaluate: Evaluate, on_update: OnUpdate | None = None) -> None:
        self._run, self._spec, self._space, self._store = run, run.spec, run.space, run.store
        self._evaluate = evaluate
        self._on_update = on_update or (lambda update: None)
        history = self._store.history()
        self._before_s = float(history["elapsed_s"].max()) if len(history) else 0.0
        self._priced = int(history["priced"].max()) if len(history) else 0
        self._start = time.monotonic()

    def execute(self) -> None:
        """Evaluate until as many subnets as asked for are judged, or the space has no more."""
        last = self._store.last_generation()
        self._evaluate_promoted(last)
        while self._evaluated() < self._spec.promote:
            last += 1
            candidates, chosen = self._first() if last == 0 else self._next(last)
            if not len(chosen):
                break
            self._promote(last, candidates, chosen)
            self._evaluate_promoted(last)

    def predictor_error(self) -> HeldOutError | None:
        """What the predictor is worth on evaluations it has not seen; None after too few."""
        return held_out_error(self._space, *self._known(), self._spec.seed)

    # ---- who is evaluated --------------------------------------------------------------------------------------

    def _first(self) -> tuple[Genomes, Genomes]:
        """(priced, chosen): half from the front of the operator table's quantities, half from the budget at large."""
        count = min(self._spec.promote, max(ROUND, round(FIRST_SHARE * self._spec.promote)))
        population = self._within_budget(FIRST_POPULATION, self._spec.seed)
        archive = Archive(_by_capacity(self._spec), self._space)
        archive.add(population, self._prices(population))
        good = archive.spread(count // 2)
        order = np.argsort(self._prices(population)["macs"], kind="stable")
        even = population[order[np.linspace(0, len(order) - 1, count - len(good)).astype(int)]]
        return population, _distinct(np.concatenate([good, even]))

    def _next(self, number: int) -> tuple[Genomes, Genomes]:
        """(priced, chosen): Optuna proposes, the predictor chooses."""
        genomes, values = self._known()
        costs = self._costs(genomes, values)
        proposed = propose(self._space, genomes, costs, PROPOSALS, self._spec.seed * 100_003 + number)
        inside = violation(self._prices(proposed), self._spec.budget.intervals) <= 0
        proposed = proposed[inside] if inside.any() else self._within_budget(PROPOSALS, self._spec.seed + number)
        mean, spread = Surrogate(self._space, genomes, values, self._spec.seed)(proposed)
        left = min(ROUND, self._spec.promote - len(values))
        return proposed, proposed[pick(self._costs(proposed, mean + spread), costs, left)]

    def _within_budget(self, count: int, seed: int) -> Genomes:
        rng = np.random.default_rng([seed, 1])
        if self._spec.budget.intervals:
            found: Genomes = self._space.sample_within(count, rng, self._spec.budget.intervals)
        else:
            found = self._space.sample(count, rng)
        return _distinct(found)

    # ---- the database ------------------------------------------------------------------------------------------

    def _promote(self, number: int, candidates: Genomes, chosen: Genomes) -> None:
        """One transaction: what was priced in this round, and who goes on."""
        from nas.runs.store import Progress

        self._priced += len(candidates)
        known, values = self._known()
        costs = self._costs(known, values) if len(known) else np.zeros((0, len(self._spec.objective_list)))
        state = Progress(
            number, self._elapsed(), self._priced, len(known), int(non_dominated(costs).sum()), self._volume(costs)
        )
        with self._store.transaction() as connection:
            self._store.add_candidates(connection, number, 0, candidates, self._prices(candidates))
            self._store.add_progress(connection, state)
            self._store.add_promoted(connection, number, {self._space.decode(g).id: g for g in chosen})

    def _evaluate_promoted(self, number: int) -> None:
        """Every promoted subnet that has no accuracy yet."""
        scored = set(self._store.scores()["architecture"])
        for architecture, genome in self._promoted():
            if architecture not in scored:
                start = time.monotonic()
                value = self._evaluate(self._space.decode(genome))
                outcome = (round(value, 6), "ok", time.monotonic() - start, "")
                self._store.add_scores(architecture, {INHERITED: outcome})
                self._tell(number)
        if number >= 0:
            costs = self._costs(*self._known())
            front = {"front_size": int(non_dominated(costs).sum()), "hypervolume": self._volume(costs)}
            self._store.update_progress(number, self._elapsed(), self._evaluated(), **front)

    def _promoted(self) -> list[tuple[str, NDArray[np.uint8]]]:
        from nas.runs.store import genomes_of

        frame = self._store.promoted()
        return list(zip(frame["architecture"], genomes_of(frame, len(self._space.choices)), strict=True))

    def _known(self) -> tuple[Genomes, NDArray[np.float64]]:
        """Evaluated genomes (N, G) in the order of their promotion, and accuracies (N,)."""
        scores = self._store.scores().set_index("architecture")["value"]
        found = [(g, scores[a]) for a, g in self._promoted() if a in scores.index]
        genomes = np.array([g for g, _ in found], dtype=np.uint8).reshape(-1, len(self._space.choices))
        return genomes, np.array([v for _, v in found], dtype=np.float64)

    def _evaluated(self) -> int:
        return len(self._store.scores())

    # ---- figures -----------------------------------------------------------------------------------------------

    def _prices(self, genomes: Genomes) -> Mapping[str, NDArray[Any]]:
        return self._space.price(genomes, self._space.quantities)

    def _costs(self, genomes: Genomes, accuracies: NDArray[np.float64]) -> NDArray[np.float64]:
        values = {**self._prices(genomes), INHERITED: accuracies}
        return np.stack([values[o.name] * o.sign for o in self._spec.objective_list], axis=1).astype(float)

    def _volume(self, costs: NDArray[np.float64]) -> float:
        """Hypervolume: accuracy from 0, costs up to the budget or the space's largest, each as a share of it."""
        if not len(costs):
            return 0.0
        tops = [1.0 if o.name == INHERITED else self._top(o.name) for o in self._spec.objective_list]
        reference = np.array([0.0 if o.direction == "max" else 1.0001 for o in self._spec.objective_list])
        return hypervolume(costs / np.array(tops), reference)

    def _top(self, quantity: str) -> float:
        interval, largest = self._spec.budget.intervals.get(quantity), float(self._space.bounds(quantity)[1])
        return min(largest, interval.high) if interval else largest

    def _elapsed(self) -> float:
        return self._before_s + time.monotonic() - self._start

    def _tell(self, number: int) -> None:
        from nas.engine.driver import Update
        from nas.runs.store import Progress

        genomes, values = self._known()
        costs, done = self._costs(genomes, values), len(values)
        elapsed = self._elapsed()
        state = Progress(number, elapsed, self._priced, done, int(non_dominated(costs).sum()), self._volume(costs))
        left = (self._spec.promote - done) * elapsed / done
        self._on_update(Update("judging", state, self._priced, self._spec.promote, left))


def _by_capacity(spec: SearchSpec) -> SearchSpec:
    """The same question to the operator table alone: capacity in the place of accuracy."""
    from dataclasses import replace

    others = tuple(o.name for o in spec.objective_list if o.cost == "table")
    return replace(spec, objectives=("capacity", *others))


def _distinct(genomes: Genomes) -> Genomes:
    _, first = np.unique(genomes, axis=0, return_index=True)
    return genomes[np.sort(first)]
