"""Do inherited weights rank networks as training them alone does? And does conflict-aware sampling earn its place?

    python benchmarks/ranking_supernets.py --minutes 60 [--data ../shared/data/fashion_mnist.npz] [--json FILE]

Ranking: a supernet per sampler, all at equal cost: as many steps, and as many multiply-accumulates a step, so the
samplers that train several subnets on an image see fewer images. ``--alone`` subnets spread over the space are then
trained from scratch, and Kendall's tau between inherited and stand-alone test accuracy is printed with its standard
error (bootstrap over subnets).

Conflicts: the mean accuracy of small, middle and large subnets after training at that equal cost. The uniform, sandwich
and ElasticViT samplers are trained with ``--seeds`` seeds each, the others with one.

The budget is the wall time of training, half for supernets and half for networks alone; judging comes on top (about
400 judgements). The pace is measured first, what fits follows from it and is printed. Images are a fixed subset of
``--images``, so that a network sees each often enough.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from nas.training.data import Data, load_data
from nas.training.data.dataset import Subset
from nas.training.judge import Judge
from nas.training.run import default_device
from nas.training.samplers import SAMPLERS, Moment, make_sampler
from nas.training.settings import Settings
from nas.training.trainer import Trainer
from search_spaces import Architecture, SearchSpace, get_space

SUPERNET_SHARE = 1 / 2
"""Of the time, for the supernets; the rest is for networks alone."""
CONFLICT_SAMPLERS = ("uniform", "sandwich", "elasticvit")
DEFAULT_SAMPLERS = [*CONFLICT_SAMPLERS, "multi-arch", "sorted"]
BOOTSTRAPS = 2000


def spread(space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """Random subnets, evenly spread over the MACs of the space."""
    genomes = space.sample(4096, np.random.default_rng(seed))
    macs = space.price(genomes, ("macs",))["macs"]
    low, high = space.bounds("macs")
    targets = np.linspace(low + 0.05 * (high - low), high - 0.15 * (high - low), count)
    chosen: list[int] = []
    for target in targets:
        order = np.argsort(np.abs(macs - target))
        chosen.append(int(next(i for i in order if i not in chosen)))
    return [space.decode(genomes[i]) for i in chosen]


def step_macs(space: SearchSpace, sampler: str, steps: int = 64) -> float:
    """Mean multiply-accumulates per image of the batch in a step of a sampler."""
    made, total = make_sampler(sampler, space), 0.0
    for step in range(steps):
        items = made.plan(Moment(step * 1000 // steps, 1000, 10), np.random.default_rng(step))
        total += sum(space.price_architecture(i.architecture)["macs"] / i.share[1] for i in items if i.architecture)
        made.hear([1.0] * len(items))
    return total / steps


def trained(model: Any, data: Data, settings: Settings, sampler: Any) -> float:
    """Train in place, leave the averaged weights in the model; seconds."""
    start = time.monotonic()
    run = Trainer(model, data, settings, sampler, device=default_device())
    run.run()
    run.average.adopt()
    return time.monotonic() - start


def supernet(space: SearchSpace, data: Data, sampler: str, epochs: float, seed: int, batch: int) -> Any:
    """A trained supernet."""
    torch.manual_seed(seed)
    model = space.supernet()
    trained(model, data, Settings(epochs=epochs, batch=batch, seed=seed), make_sampler(sampler, space))
    return model


def alone(space: SearchSpace, data: Data, architecture: Architecture, epochs: float, batch: int, judge: Judge) -> float:
    """Test accuracy of a network trained from scratch."""
    torch.manual_seed(0)
    model = space.model(architecture)
    trained(model, data, Settings(epochs=epochs, batch=batch), None)
    return judge.network(model, "test", judge.calibrate(model)).accuracy


def inherited(model: Any, judge: Judge, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
    """Test accuracies with a supernet's weights."""
    return np.array([judge.subnet(model, a, "test")[1].accuracy for a in architectures])


def tau_with_error(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Kendall's tau-b and its standard error, by bootstrap over the networks."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(a), len(a)) for _ in range(BOOTSTRAPS)]
    taus = [kendalltau(a[d], b[d]).statistic for d in draws if len(set(d.tolist())) > 2]
    return float(kendalltau(a, b).statistic), float(np.nanstd(taus))


def small(data: Data, images: int, test: int) -> Data:
    """The first of the (shuffled) images."""
    train = Subset(data.train, np.arange(min(images, len(data.train.labels))))
    rest = Subset(data.test, np.arange(min(test, len(data.test.labels))))
    facts = {**data.facts.to_dict(), "train": len(train.labels), "test": len(rest.labels)}
    for name in ("mean", "std"):
        facts[name] = tuple(facts[name])
    return Data(type(data.facts)(**facts), train, data.validation, rest)


def main() -> None:
    default = Path(os.environ.get("NAS_DATA", "../shared/data")) / "fashion_mnist.npz"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--space", default="elasticvit-small")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--test", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--alone", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samplers", nargs="+", default=DEFAULT_SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = small(load_data(given.data), given.images, given.test)
    space = get_space(given.space, num_classes=data.facts.num_classes, in_chans=data.facts.in_chans)
    judge, networks = Judge(data, 256, default_device()), spread(space, given.alone, 0)
    per_epoch = data.facts.train // given.batch

    seeds = {s: given.seeds if s in CONFLICT_SAMPLERS else 1 for s in given.samplers}
    cost = {s: step_macs(space, s) for s in {*given.samplers, "uniform"}}
    macs_per_s = measured_pace(space, data, given.batch, cost["uniform"])
    budget_macs = SUPERNET_SHARE * 60 * given.minutes * macs_per_s / sum(seeds.values())
    # A sampler that trains several subnets on every image gets fewer images a step, so that all take as many steps.
    batch = {s: max(8, round(given.batch * cost["uniform"] / c)) for s, c in cost.items()}
    steps = budget_macs / (cost["uniform"] * given.batch)
    epochs = {s: round(steps / (data.facts.train // b), 2) for s, b in batch.items()}
    mean_macs = float(np.mean([space.price_architecture(a)["macs"] for a in networks]))
    alone_macs = (1 - SUPERNET_SHARE) * 60 * given.minutes * macs_per_s / given.alone
    alone_epochs = round(alone_macs / (mean_macs * given.batch * per_epoch), 2)
    print(f"{given.space} on {data.facts.train} images of {given.data}; {macs_per_s / 1e9:.2f} GMACs/s trained; "
          f"{steps:.0f} steps at equal cost, images a step: {batch}; networks alone: {alone_epochs} epochs of "
          f"{per_epoch} steps", flush=True)  # fmt: skip

    probes = spread(space, 12, 1)
    found: dict[str, list[NDArray[np.float64]]] = {s: [] for s in given.samplers}
    small_middle_large: dict[str, list[list[float]]] = {s: [] for s in given.samplers}
    for seed in range(given.seeds):
        for sampler in (s for s in given.samplers if seed < seeds[s]):
            model = supernet(space, data, sampler, epochs[sampler], seed, batch[sampler])
            found[sampler].append(inherited(model, judge, networks))
            thirds = np.array_split(inherited(model, judge, probes), 3)
            small_middle_large[sampler].append([float(part.mean()) for part in thirds])
            shown = ", ".join(f"{v:.1%}" for v in small_middle_large[sampler][-1])
            print(f"{sampler}, seed {seed}: small, middle, large subnets {shown}", flush=True)
    report_conflicts(small_middle_large)
    real = np.array([alone(space, data, a, alone_epochs, given.batch, judge) for a in networks])
    print(f"trained alone, {alone_epochs} epochs: {real.min():.3f} to {real.max():.3f}")
    results = {"steps": steps, "batch": batch, "alone_epochs": alone_epochs, "conflicts": small_middle_large,
               "inherited": {s: np.array(v).tolist() for s, v in found.items()}, "alone": real.tolist(),
               "ranking": report_ranking(space, networks, found, real)}  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


def report_conflicts(rows: dict[str, list[list[float]]]) -> None:
    """Small, middle and large subnets (thirds of 12 probes spread over the MACs): mean and deviation over seeds."""
    for sampler, values in rows.items():
        mean, error = np.mean(values, axis=0), np.std(values, axis=0, ddof=min(1, len(values) - 1))
        shown = ", ".join(
            f"{n} {100 * m:.1f} +- {100 * e:.1f} %"
            for n, m, e in zip(("small", "middle", "large"), mean, error, strict=True)
        )
        print(f"{sampler}, {len(values)} seeds, equal cost: {shown}; mean {100 * np.mean(mean):.1f} %", flush=True)


def report_ranking(
    space: SearchSpace, networks: Sequence[Architecture], found: dict[str, list[NDArray[np.float64]]],
    real: NDArray[np.float64],
) -> dict[str, Any]:  # fmt: skip
    """Kendall's tau with stand-alone accuracy, averaged over a sampler's seeds, beside what the price alone gives."""
    price = {q: [np.array([space.price_architecture(a)[q] for a in networks], dtype=float)] for q in ("macs", "params")}
    results = {}
    for name, values in {**found, **price}.items():
        each = [tau_with_error(one, real) for one in values]
        tau, error = float(np.mean([t for t, _ in each])), float(np.mean([e for _, e in each]))
        results[name] = {"tau": tau, "se": error, "seeds": [t for t, _ in each]}
        print(
            f"Kendall tau of {name:<11} with stand-alone accuracy: {tau:+.2f} +- {error:.2f} "
            f"({len(real)} networks, {len(each)} seeds)"
        )
    return results


def measured_pace(space: SearchSpace, data: Data, batch: int, macs: float, steps: int = 12) -> float:
    """Multiply-accumulates (of forward passes) trained per second."""
    torch.manual_seed(0)
    run = Trainer(space.supernet(), data, Settings(epochs=1000, batch=batch), make_sampler("uniform", space),
                  device=default_device())  # fmt: skip
    run.run(until=4)
    start = time.monotonic()
    run.run(until=4 + steps)
    return steps * batch * macs / (time.monotonic() - start)


if __name__ == "__main__":
    main()
