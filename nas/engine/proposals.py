"""Proposals of expensive candidates: Optuna draws them from what was evaluated, a predictor picks the promising.

A round is a pure function of what was evaluated before it, the seed and its number, so a search that was interrupted
continues as if it had not been.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nas.engine.pareto import Costs, hypervolume
from nas.engine.sampling import distinct
from search_spaces import SearchSpace
from search_spaces.space import Genomes


def propose(space: SearchSpace, genomes: Genomes, costs: Costs, count: int, seed: int) -> Genomes:
    """``count`` genomes drawn by Optuna's multi-objective TPE from those evaluated, (N, G) with costs (N, M).

    They are repaired, valid, new and distinct; some uniform ones stand in where TPE repeats itself.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=1)
        study = optuna.create_study(directions=["minimize"] * costs.shape[1], sampler=sampler)
        genes: dict[str, optuna.distributions.BaseDistribution] = {
            c.name: optuna.distributions.IntDistribution(0, len(c.values) - 1) for c in space.choices
        }
        for genome, cost in zip(genomes, costs, strict=True):
            params = dict(zip(genes, genome.tolist(), strict=True))
            study.add_trial(optuna.trial.create_trial(params=params, distributions=genes, values=cost.tolist()))
        drawn = [[trial.params[g] for g in genes] for trial in (study.ask(genes) for _ in range(count))]
    rng = np.random.default_rng(seed)
    both = np.concatenate([space.repair(np.array(drawn, dtype=np.uint8)), space.sample(count, rng)])
    return distinct(both[space.valid(both)], genomes)[:count]


def pick(predicted: Costs, known: Costs, keep: int) -> NDArray[np.int64]:
    """Indices of the ``keep`` candidates (predicted costs (N, M)) that would add most hypervolume to ``known``.

    Greedy: each pick counts as known for the next. Costs are scaled to the range of all; nothing is added twice.
    """
    every = np.concatenate([predicted, known])
    low, high = every.min(axis=0), every.max(axis=0)
    scale: Callable[[Costs], Costs] = lambda c: (c - low) / np.where(high > low, high - low, 1.0)  # noqa: E731
    reference = np.full(predicted.shape[1], 1.05)
    front, candidates = scale(known), scale(predicted)
    chosen: list[int] = []
    for _ in range(min(keep, len(predicted))):
        gains = [
            -1.0 if i in chosen else hypervolume(np.vstack([front, c]), reference) for i, c in enumerate(candidates)
        ]
        best = int(np.argmax(gains))
        chosen.append(best)
        front = np.vstack([front, candidates[best]])
    return np.array(chosen, dtype=np.int64)
