"""Who is evaluated next: pure functions of the question, of what is known and of the round's number.

So a search that was interrupted continues as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nas.engine.merge import Archive
from nas.engine.nsga2 import violation
from nas.engine.proposals import pick, propose
from nas.engine.sampling import distinct, draw
from nas.engine.spec import SearchSpec
from nas.engine.surrogate import HeldOutError, Surrogate, held_out_error
from nas.supernet.figures import Known, costs, prices
from search_spaces.space import Genomes

FIRST_SHARE = 0.25
"""Of the evaluations, those spent before the first fit."""
ROUND = 8
PROPOSALS = 96


@dataclass(frozen=True)
class Round:
    """``candidates`` (N, G) are priced, ``chosen`` (K, G) of them evaluated; none where the space has no more."""

    candidates: Genomes
    chosen: Genomes


def next_round(spec: SearchSpec, known: Known, number: int) -> Round:
    """Round ``number``, of which the first is 0."""
    return _first(spec) if number == 0 else _proposed(spec, known, number)


def first_size(evaluations: int) -> int:
    """How many of the evaluations the first round takes."""
    return min(evaluations, max(ROUND, round(FIRST_SHARE * evaluations)))


def predictor_error(spec: SearchSpec, known: Known) -> HeldOutError | None:
    """What the predictor is worth on evaluations it has not seen; None after too few."""
    return held_out_error(spec.search_space, known.genomes, known.accuracies, spec.seed)


def _first(spec: SearchSpec) -> Round:
    """Half from the front of the operator table's quantities, half from the budget at large."""
    count = first_size(spec.promote)
    candidates = _within_budget(spec, spec.candidates, spec.seed)
    good = _front(spec, candidates, count // 2)
    even = _evenly(spec, candidates, count - len(good))
    return Round(candidates, distinct(np.concatenate([good, even])))


def _front(spec: SearchSpec, genomes: Genomes, keep: int) -> Genomes:
    """A spread over the front of the same question to the operator table alone: capacity in the place of accuracy."""
    others = tuple(o.name for o in spec.objective_list if o.cost == "table")
    archive = Archive(replace(spec, objectives=("capacity", *others)), spec.search_space)
    archive.add(genomes, prices(spec, genomes))
    return archive.spread(keep)


def _evenly(spec: SearchSpec, genomes: Genomes, count: int) -> Genomes:
    """``count`` of the genomes at even steps from the fewest MACs to the most."""
    order = np.argsort(prices(spec, genomes)["macs"], kind="stable")
    return genomes[order[np.linspace(0, len(order) - 1, count).astype(int)]]


def _proposed(spec: SearchSpec, known: Known, number: int) -> Round:
    """Optuna proposes, the predictor chooses."""
    so_far = known.costs(spec)
    proposed = propose(spec.search_space, known.genomes, so_far, PROPOSALS, spec.seed * 100_003 + number)
    proposed = proposed[violation(prices(spec, proposed), spec.budget.intervals) <= 0]
    if not len(proposed):
        proposed = distinct(_within_budget(spec, PROPOSALS, spec.seed + number), known.genomes)
    if not len(proposed):
        return Round(proposed, proposed)
    mean, spread = Surrogate(spec.search_space, known.genomes, known.accuracies, spec.seed)(proposed)
    left = min(ROUND, spec.promote - len(known))
    return Round(proposed, proposed[pick(costs(spec, proposed, mean + spread), so_far, left)])


def _within_budget(spec: SearchSpec, count: int, seed: int) -> Genomes:
    return distinct(draw(spec.search_space, spec.budget, count, np.random.default_rng([seed, 1])))
