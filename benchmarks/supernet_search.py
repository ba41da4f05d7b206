"""Hundreds of evaluations do the work of thousands: the search of a supernet beside random search and plain Optuna.

    python benchmarks/supernet_search.py [--cache FOLDER] [--evaluations 128] [--random 1500] [--seeds 5]

Trains a small supernet briefly, then searches it for accuracy and MACs:

- `nas`: the loop of `nas search --supernet` itself: operator table first, then Optuna proposes and a predictor picks;
- `TPE`, `NSGA-II`: Optuna's multi-objective samplers without a predictor;
- `random`: uniform over the space; `table first`: the first generation of `nas`, then uniform.

Searches see accuracies on 1,200 held-out images. The more a search evaluates, the more of what it finds best was only
lucky on these, so each front, as it is after 32, 64, ... evaluations, is judged again on 4,000 test images. Printed are
those hypervolumes (accuracy from 0, MACs as a share of the space's largest), mean and standard error over the seeds,
and after how many evaluations the others have on average what `nas` has at its end. Random search shuffles one pool of
`--random` architectures, anew for each seed. The supernet and all accuracies are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from supernet_table import SIDE, Table, supernet

from nas.engine.surrogate import HeldOutError
from nas.runs.run import Run
from nas.supernet.evaluating import evaluate_rounds
from nas.supernet.ledger import Ledger
from nas.supernet.question import question
from nas.supernet.rounds import first_size, predictor_error
from nas.training.job import Job
from search_spaces.space import Genomes

MARKS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
Curves = dict[str, list[NDArray[np.float64]]]


def by_nas(job: Job, table: Table, count: int, seed: int) -> tuple[Genomes, HeldOutError]:
    """(genomes in the order of their evaluation, the predictor's error) of the command's own search."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(question(job, evaluations=count, seed=seed), folder)
        ledger = Ledger(run)
        evaluate_rounds(ledger, table)
        known, error = ledger.known(), predictor_error(run.spec, ledger.known())
        run.store.close()
    assert error is not None
    return known.genomes, error


def by_optuna(sampler: Any, table: Table, count: int) -> Genomes:
    """What an Optuna sampler evaluates; what it asks for is repaired first."""
    import optuna

    space, seen = table.space, []
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    genes = {c.name: optuna.distributions.IntDistribution(0, len(c.values) - 1) for c in space.choices}
    for _ in range(count):
        trial = study.ask(genes)
        genome = space.repair(np.array([[trial.params[g] for g in genes]], dtype=np.uint8))
        if not space.valid(genome)[0]:
            genome = space.sample(1, np.random.default_rng(len(seen)))
        seen.append(genome[0])
        study.tell(trial, table.costs(genome)[0].tolist())
    return np.array(seen)


def searches(count: int, table: Table, seed: int) -> dict[str, Callable[[], Genomes]]:
    """Optuna's samplers by name."""
    import optuna

    tpe = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    nsga2 = optuna.samplers.NSGAIISampler(seed=seed, population_size=max(16, count // 8))
    return {"TPE": lambda: by_optuna(tpe, table, count), "NSGA-II": lambda: by_optuna(nsga2, table, count)}


def compare(job: Job, seen: Table, fresh: Table, count: int, random: int, seeds: int) -> None:
    """Run and print everything."""
    import optuna

    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    marks = [n for n in MARKS if n < random] + [random]
    pool = np.unique(job.space.sample(random + random // 10, np.random.default_rng(1)), axis=0)
    pool = np.random.default_rng(2).permutation(pool)[:random]
    curves: Curves = {name: [] for name in ("nas", "TPE", "NSGA-II", "random", "table first")}
    errors = []
    for seed in range(seeds):
        start = time.monotonic()
        genomes, error = by_nas(job, seen, count, seed)
        errors.append(error)
        shuffled = np.random.default_rng([3, seed]).permutation(pool)
        table_first = np.concatenate([genomes[: first_size(count)], shuffled])[:random]
        found = {"nas": genomes, **{k: run() for k, run in searches(count, seen, seed).items()},
                 "random": shuffled, "table first": table_first}  # fmt: skip
        for name, order in found.items():
            curves[name].append(seen.volumes(order, [n for n in marks if n <= len(order)], fresh))
        print(f"seed {seed}, {time.monotonic() - start:.0f} s: "
              + ", ".join(f"{k} {v[-1][marks.index(count)]:.4f}" for k, v in curves.items())
              + f" after {count}", flush=True)  # fmt: skip
    report(curves, marks, count)
    report_predictor(errors)


def report(curves: Curves, marks: list[int], count: int) -> None:
    """Mean hypervolumes, and who needs how many evaluations for what nas has after ``count``."""
    print("\nhypervolume on fresh images, mean (standard error over the seeds)")
    print("evaluations  " + "  ".join(f"{n:>15}" for n in marks))
    for name, found in curves.items():
        print(f"{name:<12} " + "  ".join(f"{_mean(list(column)):>15}" for column in zip(*found, strict=True)))
    wanted = np.mean(curves["nas"], axis=0)[marks.index(count)]
    for name, found in curves.items():
        reached = [n for n, value in zip(marks, np.mean(found, axis=0), strict=False) if value >= wanted]
        print(f"{name} has on average what nas has after {count}: "
              + (f"after {reached[0]}" if reached else f"not within {marks[len(found[0]) - 1]}"))  # fmt: skip


def report_predictor(errors: list[HeldOutError]) -> None:
    """The mean over the seeds of the predictor's error by cross-validation."""
    tau = statistics.mean(e.tau or 0.0 for e in errors)
    mae, mean = (100 * statistics.mean(getattr(e, k) for e in errors) for k in ("mae", "mae_of_mean"))
    n = errors[0].n
    print(f"\npredictor, held out: MAE {mae:.2f} points (mean: {mean:.2f}), Kendall tau {tau:.2f}, n = {n} each")


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ({error:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nas-supernet-search")
    parser.add_argument("--space", default="autoformer-small")
    parser.add_argument("--evaluations", type=int, default=128, choices=MARKS)
    parser.add_argument("--random", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    job = supernet(given.cache, given.space)
    images = {part: job.document["facts"][part] for part in ("validation", "test")}
    print(f"{given.space} at {SIDE} pixels, Fashion-MNIST; {images['validation']} held-out and {images['test']} test "
          f"images; {job.space.total_size:,} architectures")  # fmt: skip
    seen, fresh = (Table(job, given.cache / f"{part}.txt", part) for part in images)
    compare(job, seen, fresh, given.evaluations, given.random, given.seeds)


if __name__ == "__main__":
    main()
