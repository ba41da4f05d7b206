"""Our evolution beside Optuna's NSGA-II, pymoo's NSGA-II and random sampling: hypervolume at equal evaluations.

    python benchmarks/search.py [--evaluations 5000] [--seeds 5]

Objectives: maximise capacity, minimise MACs, minimise params, over ElasticViT without a budget. Every engine prices
with the same look-ups, and the hypervolume is that of everything it evaluated, in objectives scaled to [0, 1], from a
fixed reference point (capacity 0, the largest MACs and params of the space). The last column is the engine's own time
per candidate, pricing included. Peers get genomes whose widths break the rule repaired in the same way as ours.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from nas.engine.island import Island
from nas.engine.pareto import hypervolume, non_dominated
from nas.engine.spec import SearchSpec
from search_spaces import SearchSpace, get_space
from search_spaces.space import Genomes

OBJECTIVES = ("capacity", "macs", "params")
POPULATION = 100
CAPACITY_SCALE = 40_000.0


def costs(space: SearchSpace, genomes: Genomes) -> np.ndarray:
    """(N, 3): -capacity, macs, params."""
    p = space.price(genomes, OBJECTIVES)
    return np.stack([-p["capacity"], p["macs"], p["params"]], axis=1).astype(float)


def scaled_hypervolume(space: SearchSpace, points: np.ndarray) -> float:
    """Hypervolume in objectives scaled to [0, 1]."""
    scale = np.array([CAPACITY_SCALE, space.bounds("macs")[1], space.bounds("params")[1]])
    reference = np.array([0.0, 1.0001, 1.0001])
    points = points / scale
    return hypervolume(points[non_dominated(points)], reference)


def ours(space: SearchSpace, evaluations: int, seed: int) -> np.ndarray:
    """One island, as it runs in a search."""
    spec = SearchSpec(
        space.name, objectives=OBJECTIVES, candidates=evaluations, islands=1, seed=seed, population=POPULATION
    )
    island = Island(spec, 0, space)
    genomes = [island.step().genomes for _ in range(spec.generations + 1)]
    return costs(space, np.concatenate(genomes)[:evaluations])


def random(space: SearchSpace, evaluations: int, seed: int) -> np.ndarray:
    """Uniform sampling of valid architectures."""
    return costs(space, space.sample(evaluations, np.random.default_rng(seed)))


def optuna(space: SearchSpace, evaluations: int, seed: int) -> np.ndarray:
    """Optuna's NSGAIISampler, in memory, categorical-free integer parameters."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: list[np.ndarray] = []

    def objective(trial: Any) -> tuple[float, ...]:
        genome = [trial.suggest_int(c.name, 0, len(c.values) - 1) for c in space.choices]
        row = costs(space, space.repair(np.array([genome], dtype=np.uint8)))[0]
        found.append(row)
        return tuple(row)

    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    optuna.create_study(directions=["minimize"] * 3, sampler=sampler).optimize(objective, n_trials=evaluations)
    return np.array(found)


def pymoo(space: SearchSpace, evaluations: int, seed: int) -> np.ndarray:
    """pymoo's NSGA2 with integer SBX and polynomial mutation, evaluated in batches, duplicates eliminated."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    found: list[np.ndarray] = []

    class Table(Problem):
        def __init__(self) -> None:
            super().__init__(n_var=len(space.choices), n_obj=3, xl=0, xu=space.cardinalities - 1, vtype=int)

        def _evaluate(self, x: np.ndarray, out: dict[str, np.ndarray], *args: Any, **kwargs: Any) -> None:
            out["F"] = costs(space, space.repair(x.astype(np.uint8)))
            found.append(out["F"])

    algorithm = NSGA2(
        pop_size=POPULATION, sampling=IntegerRandomSampling(), crossover=SBX(vtype=float, repair=RoundingRepair()),
        mutation=PM(vtype=float, repair=RoundingRepair()), eliminate_duplicates=True,
    )  # fmt: skip
    minimize(Table(), algorithm, ("n_eval", evaluations), seed=seed, verbose=False)
    return np.concatenate(found)[:evaluations]


ENGINES: dict[str, Callable[[SearchSpace, int, int], np.ndarray]] = {
    "nas": ours, "pymoo NSGA-II": pymoo, "Optuna NSGA-II": optuna, "random": random,
}  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    space = get_space("elasticvit")
    _ = space.prices
    print(f"elasticvit, {arguments.evaluations} evaluations, {arguments.seeds} seeds, population {POPULATION}")
    print(f"{'engine':<18}{'hypervolume median':>20}{'min':>10}{'max':>10}{'us per candidate':>20}")
    for name, engine in ENGINES.items():
        volumes, seconds = [], []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            try:
                points = engine(space, arguments.evaluations, seed)
            except ImportError:
                print(f"{name:<18}{'not installed':>20}")
                break
            seconds.append(time.perf_counter() - start)
            volumes.append(scaled_hypervolume(space, points))
        else:
            spent = np.median(seconds) / arguments.evaluations * 1e6
            row = (float(np.median(volumes)), min(volumes), max(volumes))
            print(f"{name:<18}{row[0]:>20.4f}{row[1]:>10.4f}{row[2]:>10.4f}{spent:>20,.1f}")


if __name__ == "__main__":
    main()
