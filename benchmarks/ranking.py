"""Do inherited weights rank networks as training them alone does? And does conflict-aware sampling earn its place?

    python benchmarks/ranking.py --minutes 40 [--space autoformer-small --side 16] [--keep FOLDER]
    python benchmarks/ranking.py --minutes 20 --space elasticvit-small --batch 128 --repeats 0

Ranking: a supernet per sampler, all at equal cost: as many steps, and as many multiply-accumulates a step, so the
samplers that train several subnets on an image see fewer images. ``--alone`` subnets spread over the MACs of the space
are then trained from scratch, ``--repeats`` times each (0: only the second question is asked), and Kendall's tau
between inherited and mean stand-alone test accuracy is printed with its standard error (bootstrap over the networks),
beside what MACs and parameters give, and beside what one stand-alone training of these networks says of another: how
much of their order is noise.

Conflicts: the mean accuracy of the small, middle and large thirds of these subnets after training at that equal cost.
The uniform, sandwich and ElasticViT samplers are trained with ``--seeds`` seeds each, the others with one.

The budget is the wall time of training, a share of it for supernets and the rest for networks alone, on one process
per core (one on a GPU); judging comes on top. The pace is measured first; what fits follows from it and is printed.
What is done stays in ``--keep``, with the pace, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from correlations import Array, kendall, resamples
from ranking_jobs import Job, measured_pace, result, spread, step_macs

from nas.training.samplers import SAMPLERS
from search_spaces import Architecture, SearchSpace

SUPERNET_SHARE = 0.4
"""Of the time, for the supernets; the rest is for networks alone."""
CONFLICT_SAMPLERS = ("uniform", "sandwich", "elasticvit")
DEFAULT_SAMPLERS = [*CONFLICT_SAMPLERS, "multi-arch", "sorted"]
THIRDS = ("small", "middle", "large")
Found = dict[str, list[Array]]


def supernet_jobs(given: argparse.Namespace, common: Job, macs: float) -> list[Job]:
    """Every sampler's trainings: as many steps each, as many multiply-accumulates a step, ``macs`` in all."""
    seeds = {s: given.seeds if s in CONFLICT_SAMPLERS else 1 for s in given.samplers}
    cost = {s: step_macs(common.search_space, s) for s in {*given.samplers, "uniform"}}
    steps = int(macs / sum(seeds.values()) / (cost["uniform"] * given.batch))
    # A sampler that trains several subnets on every image gets fewer images a step, so that all take as many steps.
    batch = {s: max(8, round(given.batch * cost["uniform"] / c)) for s, c in cost.items()}
    shown = ", ".join(f"{s} {batch[s]}" for s in seeds)
    print(f"supernets: {steps} steps, images a step: {shown}")
    return [
        replace(common, sampler=s, seed=seed, steps=steps, batch=batch[s])
        for seed in range(given.seeds) for s in seeds if seed < seeds[s]
    ]  # fmt: skip


def alone_jobs(given: argparse.Namespace, common: Job, macs: float) -> list[Job]:
    """Every network's trainings from scratch: as many steps each, ``macs`` multiply-accumulates in all."""
    each = [common.search_space.price_architecture(a)["macs"] for a in spread(common.search_space, given.alone)]
    steps = int(macs / (given.repeats * sum(each) * given.batch))
    print(f"networks alone: {given.repeats} times {steps} steps of {given.batch} images", flush=True)
    return [
        replace(common, network=i, seed=seed, steps=steps) for seed in range(given.repeats) for i in range(given.alone)
    ]


def run(jobs: Sequence[Job], keep: Path, workers: int) -> list[Array]:
    """Test accuracies of every job, in their order; a line as each ends."""
    with get_context("spawn").Pool(workers, _one_thread) as pool:
        found = []
        for job, accuracies in zip(jobs, pool.imap(_Kept(keep), jobs), strict=True):
            thirds = " / ".join(
                f"{100 * part.mean():.1f}" for part in np.array_split(accuracies, min(3, len(accuracies)))
            )
            print(f"  {job.name}: {thirds} %", flush=True)
            found.append(accuracies)
        return found


def _one_thread() -> None:
    torch.set_num_threads(1)


class _Kept:
    """A job's result, from the folder where it is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, job: Job) -> Array:
        path = self._folder / f"{job.name}-{job.steps}x{job.batch}.npy"
        if not path.exists():
            np.save(path, result(job))
        return np.load(path)


def kept_pace(job: Job, keep: Path) -> float:
    """The pace, as it was measured first."""
    path = keep / f"{job.name}-pace-{job.batch}.npy"
    if not path.exists():
        np.save(path, measured_pace(job))
    return float(np.load(path))


def report_conflicts(found: Found) -> None:
    """Thirds of the networks by MACs: mean over a sampler's seeds, and their standard deviation."""
    for sampler, values in found.items():
        rows = np.array([[part.mean() for part in np.array_split(one, 3)] for one in values])
        mean, deviation = rows.mean(0), rows.std(0, ddof=min(1, len(rows) - 1))
        shown = ", ".join(
            f"{n} {100 * m:.1f} +- {100 * d:.1f} %" for n, m, d in zip(THIRDS, mean, deviation, strict=True)
        )
        whole = rows.mean(1)
        print(f"{sampler:<11} {len(values)} seeds: {shown}; mean {100 * whole.mean():.2f} % "
              f"(seeds: {', '.join(f'{100 * w:.2f}' for w in whole)})")  # fmt: skip


def report_ranking(space: SearchSpace, networks: Sequence[Architecture], found: Found, alone: Array) -> None:
    """Kendall's tau with mean stand-alone accuracy (``alone``: repeats x networks), and its distance to MACs'."""
    prices = {q: [np.array([space.price_architecture(a)[q] for a in networks], float)] for q in ("macs", "params")}
    counts, real = resamples(len(networks)), alone.mean(0)
    of_macs = kendall(prices["macs"][0], real, counts)
    for name, values in {**found, **prices}.items():
        every = np.mean([kendall(one, real, counts) for one in values], axis=0)
        print(f"tau of {name:<11} {every[0]:+.2f} +- {_error(every):.2f}; above macs by "
              f"{every[0] - of_macs[0]:+.2f} +- {_error(every - of_macs):.2f} ({len(values)} seeds)")  # fmt: skip
        if len(values) > 1:
            every = kendall(np.mean(values, axis=0), real, counts)
            print(f"    of its seeds' mean {every[0]:+.2f} +- {_error(every):.2f}")
    if len(alone) > 1:
        every = kendall(alone[0], alone[1], counts)
        print(f"tau of one stand-alone training with another {every[0]:+.2f} +- {_error(every):.2f}; "
              f"deviation between two {100 * np.std(alone[0] - alone[1]) / 2**0.5:.2f} points, of the networks' means "
              f"{100 * real.std(ddof=1):.2f}, {100 * real.min():.1f} to {100 * real.max():.1f} %")  # fmt: skip


def _error(resampled: Array) -> float:
    return float(np.nanstd(resampled[1:]))


def main(arguments: Iterable[str] | None = None) -> None:
    default = Path(os.environ.get("NAS_DATA", "../shared/data")) / "fashion_mnist.npz"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--space", default="autoformer-small")
    parser.add_argument("--side", type=int, help="Pixels of an image, where the space lets one choose.")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--images", type=int, default=100_000, help="Of the training images, at most so many.")
    parser.add_argument("--test", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--alone", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samplers", nargs="+", default=DEFAULT_SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "nas-ranking")
    given = parser.parse_args(None if arguments is None else list(arguments))
    given.keep.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    common = Job(given.space, given.data, given.images, given.test, given.alone, batch=given.batch, side=given.side)
    pace = kept_pace(common, given.keep)
    print(f"{given.space}: {pace / 1e9:.2f} G multiply-accumulates of forward passes trained per second and core")
    macs, share = 60 * given.minutes * given.workers * pace, SUPERNET_SHARE if given.repeats else 1.0
    trained = supernet_jobs(given, common, share * macs)
    lone = alone_jobs(given, common, (1 - share) * macs) if given.repeats else []
    results = run([*trained, *lone], given.keep, given.workers)
    found: Found = {s: [r for j, r in zip(trained, results, strict=False) if j.sampler == s] for s in given.samplers}
    report_conflicts(found)
    if lone:
        alone = np.concatenate(results[len(trained) :]).reshape(given.repeats, given.alone)
        report_ranking(common.search_space, spread(common.search_space, given.alone), found, alone)


if __name__ == "__main__":
    main()
