"""Hundreds of evaluations do the work of thousands: the search of a supernet beside random search and plain Optuna.

    python benchmarks/supernet_search.py [--cache FOLDER] [--evaluations 128] [--random 1500] [--seeds 5] [--emulate]

Trains a small supernet briefly (once: it is kept in the cache folder), then searches it for accuracy and MACs:

- `nas`: the loop of `nas search --supernet` itself: operator table first, then Optuna proposes and a predictor picks;
- `TPE`, `NSGA-II`: Optuna's multi-objective samplers without a predictor;
- `random`: uniform over the space; `table first`: the first generation of `nas`, then uniform.

`--emulate` replays on what was measured so far, the rest predicted by trees fitted to it, with a measurement's noise.
Accuracies are measured with inherited weights and statistics of their own, on held-out images, once per architecture
(kept in the cache). Printed are the hypervolumes (accuracy from 0, MACs as a share of the space's largest) after 32,
64, ... evaluations, mean and standard error over the seeds, and how many evaluations the others need for the
hypervolume that `nas` has at the end. Random search shuffles one pool of `--random` architectures, anew for each seed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

import nas
from nas import supernet_search
from nas.engine.pareto import hypervolume
from nas.training.job import Job
from search_spaces import Architecture, SearchSpace
from search_spaces.space import Genomes

SIDE = 16
"""Pixels of an image: a quarter of the work of 32, so that some three thousand evaluations take minutes, not hours."""
TRAINED, HELD_OUT = 6000, 1200
"""Images of Fashion-MNIST."""
SUPERNET = {
    "space_options": {"img_size": SIDE}, "epochs": 12, "sampler": "uniform", "batch": 64, "lr": 1e-3,
    "augment": "none", "validation": HELD_OUT / (TRAINED + HELD_OUT),
}  # fmt: skip
REFERENCE = np.array([0.0, 1.0001])
Curve = NDArray[np.float64]
EVALUATOR = supernet_search.evaluator
FEWEST = 500


class Table:
    """Accuracies by genome, measured when first asked for and kept in a file."""

    def __init__(self, job: Job, path: Path) -> None:
        self.space: SearchSpace = job.space
        self._job, self._path = job, path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {_genome(text): float(value) for text, value in (line.split() for line in lines)}
        self._top = float(job.space.bounds("macs")[1])

    def __call__(self, architecture: Architecture) -> float:
        key = tuple(self.space.encode(architecture).tolist())
        if key not in self.known:
            value = self.known[key] = round(self._measure(architecture), 6)
            with self._path.open("a") as file:
                file.write(f"{'-'.join(map(str, key))} {value}\n")
        return self.known[key]

    @cached_property
    def _measure(self) -> Callable[[Architecture], float]:
        return EVALUATOR(self._job)

    def costs(self, genomes: Genomes) -> NDArray[np.float64]:
        """(-accuracy, share of the largest MACs) of every genome, (N, 2)."""
        accuracies = [self(self.space.decode(g)) for g in genomes]
        return np.stack([-np.array(accuracies), self.space.price(genomes, ("macs",))["macs"] / self._top], axis=1)

    def curve(self, genomes: Genomes) -> Curve:
        """Hypervolume after 1, 2, ... N evaluations."""
        costs, found, front = self.costs(genomes), [], np.zeros((0, 2))
        for row in costs:
            if not (front <= row).all(axis=1).any():
                front = np.vstack([front[~(row <= front).all(axis=1)], row])
            found.append(hypervolume(front, REFERENCE))
        return np.array(found)


class Emulator(Table):
    """A table whose missing entries come from trees fitted to the measured ones, with the noise of a measurement.

    As NAS-Bench-301 does for spaces that nobody can measure (Zela et al., ICLR 2022). The trees are of another kind
    than the predictor of the search.
    """

    def __init__(self, job: Job, path: Path) -> None:
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.model_selection import cross_val_predict

        super().__init__(job, path)
        if len(self.known) < FEWEST:
            raise SystemExit(f"{path} has {len(self.known)} measured accuracies; an emulator needs {FEWEST}")
        genomes, measured = np.array(list(self.known), dtype=np.uint8), np.array(list(self.known.values()))
        self._trees = ExtraTreesRegressor(400, min_samples_leaf=2, max_features=0.5, random_state=0, n_jobs=1)
        left_out = cross_val_predict(self._trees, self._features(genomes), measured, cv=10)
        self._trees.fit(self._features(genomes), measured)
        self._images = job.document["facts"]["validation"]
        noise = np.sqrt((measured * (1 - measured)).mean() / self._images)
        print(f"emulated from {len(measured)} measured accuracies, {100 * measured.min():.1f} to "
              f"{100 * measured.max():.1f} % (standard deviation {100 * measured.std():.2f} points, a measurement's "
              f"own error {100 * noise:.2f}); held out: MAE {100 * np.abs(left_out - measured).mean():.2f} points, "
              f"Kendall tau {float(kendalltau(left_out, measured).statistic):.2f}")  # fmt: skip

    def _features(self, genomes: Genomes) -> NDArray[np.float64]:
        prices = self.space.price(genomes, ("macs", "params"))
        return np.column_stack([genomes, *(np.log(p) for p in prices.values())])

    def ready(self, genomes: Genomes) -> None:
        """Fill the table for many genomes at once."""
        new = np.array([g for g in genomes if tuple(g.tolist()) not in self.known], dtype=np.uint8)
        if len(new):
            for genome, mean in zip(new, self._trees.predict(self._features(new)), strict=True):
                rng = np.random.default_rng(genome.tolist())
                self.known[tuple(genome.tolist())] = rng.binomial(self._images, mean) / self._images

    def __call__(self, architecture: Architecture) -> float:
        genome = self.space.encode(architecture)
        self.ready(genome[None])
        return self.known[tuple(genome.tolist())]


def _genome(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("-")))


def supernet(folder: Path, space: str) -> Job:
    """The supernet in the cache, trained if it is not there."""
    if (folder / "supernet").is_dir():
        return Job.open(folder / "supernet")
    start = time.monotonic()
    made: dict[str, Any] = SUPERNET
    job = nas.train_supernet(space, str(subset(folder / "images.npz")), out=folder, name="supernet", **made)
    ends = ", ".join(f"{row['name']} {row['accuracy']:.1%}" for row in job.document["judged"])
    print(f"trained {space} in {time.monotonic() - start:.0f} s: {ends}", flush=True)
    return job


def subset(path: Path) -> Path:
    """Some images of Fashion-MNIST in a file of their own."""
    source = Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fashion_mnist.npz"
    if not source.exists():
        raise SystemExit(f"{source} is not there; set NAS_DATA to the folder that holds fashion_mnist.npz")
    with np.load(source) as arrays:
        rows = np.random.default_rng(0).permutation(len(arrays["y_train"]))[: TRAINED + HELD_OUT]
        kept = {f"{a}_train": arrays[f"{a}_train"][rows] for a in "xy"}
        np.savez(path, **kept, **{f"{a}_test": arrays[f"{a}_test"][:500] for a in "xy"})
    return path


def by_nas(job: Job, table: Table, count: int, seed: int) -> tuple[Genomes, dict[str, Any]]:
    """(genomes in the order of their evaluation, the predictor's error) of the command's own search."""
    supernet_search.evaluator = lambda job: table
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = nas.search_supernet(job.path, evaluations=count, seed=seed, out=folder)
            run = nas.load_run(run.path)
            promoted = run.store.promoted()
            from nas.runs.store import genomes_of

            return genomes_of(promoted, len(job.space.choices)), run.document["predictor"]
    finally:
        supernet_search.evaluator = EVALUATOR


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


def needed(curve: Curve, target: float) -> int | None:
    """Evaluations after which a curve has reached the target, None if it does not."""
    reached = np.flatnonzero(curve >= target)
    return int(reached[0]) + 1 if len(reached) else None


def compare(job: Job, table: Table, count: int, random: int, seeds: int) -> None:
    """Run and print everything."""
    import optuna

    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    space = job.space
    pool = np.unique(space.sample(random + random // 10, np.random.default_rng(1)), axis=0)
    pool = np.random.default_rng(2).permutation(pool)[:random]
    if isinstance(table, Emulator):
        table.ready(pool)
    curves: dict[str, list[Curve]] = {name: [] for name in ("nas", "TPE", "NSGA-II", "random", "table first")}
    errors = []
    for seed in range(seeds):
        genomes, error = by_nas(job, table, count, seed)
        errors.append(error)
        curves["nas"].append(table.curve(genomes))
        tpe = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        nsga2 = optuna.samplers.NSGAIISampler(seed=seed, population_size=max(16, count // 8))
        curves["TPE"].append(table.curve(by_optuna(tpe, table, count)))
        curves["NSGA-II"].append(table.curve(by_optuna(nsga2, table, count)))
        shuffled = np.random.default_rng([3, seed]).permutation(pool)
        first = genomes[: max(supernet_search.ROUND, round(supernet_search.FIRST_SHARE * count))]
        curves["random"].append(table.curve(shuffled))
        curves["table first"].append(table.curve(np.concatenate([first, shuffled])[:random]))
        print(f"seed {seed}: " + ", ".join(f"{k} {v[-1][count - 1]:.4f}" for k, v in curves.items())
              + f" after {count}; predictor {error}", flush=True)  # fmt: skip
    marks = [n for n in (32, 64, 128, 256, 512, 1024, 2048, 4096) if n < random] + [random]
    print(f"\nhypervolume, mean (standard error) of {seeds} seeds")
    print("evaluations  " + "  ".join(f"{n:>15}" for n in marks))
    for name, found in curves.items():
        cells = [f"{_mean([c[n - 1] for c in found if len(c) >= n])}" if len(found[0]) >= n else "" for n in marks]
        print(f"{name:<12} " + "  ".join(f"{cell:>15}" for cell in cells))
    ends = [c[-1] for c in curves["nas"]]
    print(f"\nevaluations needed for what nas has after {count} (seed by seed; '-': not within what was evaluated)")
    for name, found in curves.items():
        reached = [needed(c, end) for c, end in zip(found, ends, strict=True)]
        print(f"{name:<12} " + "  ".join(f"{r if r else '-':>6}" for r in reached) + f"   of {len(found[0])}")
    tau = statistics.mean(e["tau"] for e in errors)
    mae, mean = (100 * statistics.mean(e[k] for e in errors) for k in ("mae", "mae_of_mean"))
    n = errors[0]["n"]
    print(f"\npredictor, held out: MAE {mae:.2f} points (mean: {mean:.2f}), Kendall tau {tau:.2f}, n = {n} each")


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ({error:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nas-supernet-search")
    parser.add_argument("--space", default="autoformer-small")
    parser.add_argument("--evaluations", type=int, default=128)
    parser.add_argument("--random", type=int, default=1500)
    parser.add_argument("--emulate", action="store_true", help="Predict what is not measured yet.")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    job = supernet(given.cache, given.space)
    images = job.document["facts"]["validation"]
    print(f"{given.space} at {SIDE} pixels, {images} held-out images of Fashion-MNIST; "
          f"{job.space.total_size:,} architectures")  # fmt: skip
    table = (Emulator if given.emulate else Table)(job, given.cache / "accuracies.txt")
    compare(job, table, given.evaluations, given.random, given.seeds)


if __name__ == "__main__":
    main()
