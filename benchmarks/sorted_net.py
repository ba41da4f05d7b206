"""SortedNet's claim: 160 sub-models from one training, each at least 96 % as good as the whole network.

    python benchmarks/sorted_net.py [--minutes 10] [--model NAME] [--smallest 0.25] [--images 2000] [--alone]

The paper's figure is for CIFAR-10. Here a small ResNet (or any timm model that `sorted_net` takes) is trained on
Fashion-MNIST for about so many minutes on one torch thread with the `sorted` sampler: four random sub-models a step, a
quarter of the batch each, their gradients accumulated into one step. Every sub-model is then judged on test images
after its batch statistics are re-estimated. `--alone` also trains the whole network by itself for as many images.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.training.data import Data, load_data
from nas.training.data.dataset import Subset
from nas.training.judge import Judge
from nas.training.samplers.nested import ACCUMULATED, Sorted
from nas.training.settings import Settings
from nas.training.trainer import Trainer
from search_spaces.sorted_net import SortedNet

MODEL = "resnet18?channels=16-32-64-128&layers=3-3-3-3"
CLAIM = 0.96
TIMED_STEPS = 12


def read_data(images: int) -> Data:
    """Fashion-MNIST with that many of its test images, drawn once."""
    path = Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fashion_mnist.npz"
    if not path.exists():
        raise SystemExit(f"{path} is not there; set NAS_DATA to the folder that holds fashion_mnist.npz")
    data = load_data(str(path), validation=0.05)
    rows = np.random.default_rng(0).permutation(len(data.test.labels))[:images]
    return replace(data, test=Subset(data.test, rows))


def trained(model: Any, data: Data, settings: Settings, sampler: Any, minutes: float) -> tuple[Trainer, float]:
    """(the finished trainer, its seconds); as many epochs as fit, by the time of the first steps."""
    if sampler is not None or minutes:
        probe = Trainer(model, data, settings, sampler)
        weights = {n: t.clone() for n, t in model.state_dict().items()}
        probe.run(until=2)
        start = time.perf_counter()
        probe.run(until=2 + TIMED_STEPS)
        per_step = (time.perf_counter() - start) / TIMED_STEPS
        model.load_state_dict(weights)
        epochs: Any = minutes * 60 / per_step / probe.per_epoch  # a share of an epoch is welcome
        settings = replace(settings, epochs=epochs)
    trainer = Trainer(model, data, settings, sampler)
    start = time.perf_counter()
    trainer.run()
    return trainer, time.perf_counter() - start


def judged(space: SortedNet, supernet: Any, data: Data, calibration: int) -> list[dict[str, Any]]:
    """One row for every sub-model: its genes, MACs, parameters and accuracy."""
    judge = Judge(data, calibration)
    genomes = space.enumerate()
    prices = space.price(genomes, ("macs", "params"))
    rows = []
    for i, genome in enumerate(genomes):
        _, judgement = judge.subnet(supernet, space.decode(genome), "test")
        costs = {q: int(v[i]) for q, v in prices.items()}
        rows.append(dict(space.describe(genome)) | costs | {"accuracy": judgement.accuracy})
    return rows


def report(rows: list[dict[str, Any]]) -> None:
    """Shares of the whole network's accuracy, over all sub-models and by dimension."""
    full = rows[-1]
    shares = np.array([row["accuracy"] for row in rows]) / full["accuracy"]
    size = f"{full['macs'] / 1e6:.2f} M MACs, {full['params'] / 1e3:.0f} k parameters"
    print(f"whole network: {full['accuracy']:.4f} at {size}")
    print(f"smallest:      {rows[0]['accuracy']:.4f} at {rows[0]['macs'] / 1e6:.2f} M MACs")
    print(
        f"share of the whole network's accuracy over {len(rows)} sub-models: "
        f"min {shares.min():.4f}, 5th percentile {np.percentile(shares, 5):.4f}, median {np.median(shares):.4f}"
    )
    print(f"at least {CLAIM:.0%}: {(shares >= CLAIM).sum()} of {len(rows)} (the paper: all 160, on CIFAR-10)")
    macs = np.array([row["macs"] for row in rows])
    order = np.corrcoef(np.argsort(np.argsort(macs)), np.argsort(np.argsort(shares)))[0, 1]
    print(f"rank correlation of MACs and accuracy: {order:.3f}")
    for gene in ("width", "depth", "heads"):
        values = sorted({row[gene] for row in rows})
        means = [shares[[row[gene] == v for row in rows]].mean() for v in values]
        if len(values) > 1:
            print(f"  mean share by {gene}: " + ", ".join(f"{v}: {m:.3f}" for v, m in zip(values, means, strict=True)))


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--smallest", type=float, default=0.25)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--json", type=Path, help="also write every sub-model's figures here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    data = read_data(args.images)
    space = SortedNet(model=args.model, smallest=args.smallest, num_classes=10, in_chans=1, img_size=28)
    levels = " x ".join(f"{len(c.values)} {c.name}" for c in space.choices)
    print(f"{args.model}: {space.size} sub-models ({levels})")
    settings = Settings(
        epochs=100, batch=args.batch, lr=args.lr, warmup=0.2, ema=0.0, smoothing=0.0, seed=args.seed, sampler="sorted"
    )
    trainer, seconds = trained(space.supernet(), data, settings, Sorted(space), args.minutes)
    print(
        f"trained {trainer.steps} steps of {ACCUMULATED} sub-models in {seconds:.0f} s "
        f"({trainer.steps * args.batch / len(data.train.labels):.2f} epochs)"
    )
    rows = judged(space, trainer.model, data, settings.calibration)
    report(rows)
    if args.alone:
        alone = space.model(space.decode(space.cardinalities - 1))
        lone, seconds = trained(alone, data, trainer.settings, None, 0.0)
        judgement = Judge(data, settings.calibration).network(lone.model, "test")
        print(f"the whole network trained alone, as many images: {judgement.accuracy:.4f} in {seconds:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
