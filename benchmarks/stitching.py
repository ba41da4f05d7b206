"""Stitching on Fashion-MNIST: what least squares give before training, what training adds, and ROS beside uniform.

Two small ViTs (6 blocks, widths 64 and 128, 28 pixels) are trained briefly and kept in --cache. Then

1. least squares only, by both rules: every stitch beside stitches with random layers, the straight line from those to
   the anchors, and how well residuals rank stitches;
2. training all two-way routes, drawn uniformly and by resource-constrained sampling (ROS), at equal expected MACs,
   three seeds: the area under the accuracy-cost front (best accuracy at a cost, averaged over the costs between the
   anchors), and how many routes of these fronts pruning would have left out;
3. how long activating another route takes.

    python benchmarks/stitching.py [--minutes 15] [--seeds 3] [--cache /tmp/nas-stitching]

Accuracies are on 1,200 images held out of 12,000 training images. Uses one thread.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import nas
from nas.runs.stitched import correlation_text, forecast_text, line_text
from nas.stitching.initial import IMAGES
from nas.stitching.pruning import survivors
from nas.training.job import Job
from nas.training.logs import read
from nas.training.samplers.ros import cost_groups
from search_spaces.stitching import Stitching

NAME = "vit_tiny_patch16_224?patch_size=7&embed_dim={}&depth=6&num_heads=2"
ANCHORS = ",".join(NAME.format(width) for width in (64, 128))
OPTIONS: dict[str, Any] = {"anchors": ANCHORS, "num_classes": 10, "in_chans": 1, "img_size": 28}
TRAIN, TEST = 12_000, 2_000
ANCHOR: dict[str, Any] = {"epochs": 6, "batch": 32, "lr": 1e-3, "warmup": 0.2, "augment": "none"}
STITCHED: dict[str, Any] = {"batch": 64, "lr": 5e-4, "warmup": 0.1, "augment": "none", "two_way": True}
TRAINING_SHARE = 0.5
"""Of --minutes, the part in which stitched nets train; the rest is for anchors and judging."""


def subset(cache: Path) -> Path:
    """The first images of Fashion-MNIST as a file of their own."""
    source = Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fashion_mnist.npz"
    if not source.is_file():
        raise SystemExit(f"{source} is missing: set NAS_DATA to the folder that holds fashion_mnist.npz")
    path = cache / f"fashion-{TRAIN}.npz"
    if not path.is_file():
        with np.load(source) as file:
            count = {"train": TRAIN, "test": TEST}
            np.savez(path, **{f"{a}_{part}": file[f"{a}_{part}"][:n] for part, n in count.items() for a in "xy"})
    return path


def anchors(cache: Path, data: Path) -> list[str]:
    """Folders of both anchors, trained once."""
    space, folders = Stitching(**OPTIONS), []
    for number in (0, 1):
        folder = cache / f"anchor{number}-{ANCHOR['epochs']}-epochs"
        if not (folder / "model.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            file = cache / f"anchor{number}.json"
            file.write_text(space.of_route(space.routes[number]).to_json())
            nas.train(str(file), str(data), out=cache, name=folder.name, **ANCHOR)
        folders.append(str(folder))
        rows = Job.open(folder).document["judged"]
        macs = space.price_architecture(space.of_route(space.routes[number]))["macs"] / 1e6
        print(f"  anchor {number}: {macs:.1f} M MACs, " + ", ".join(f"{r['part']} {r['accuracy']:.2%}" for r in rows))
    return folders


def before_training(data: Path, weights: list[str], out: Path) -> pd.DataFrame:
    """Part 1; the two-way routes by least squares."""
    for rule in ("v1", "v2"):
        run = nas.stitch(ANCHORS, str(data), anchor_weights=weights, out=out, name=f"fitted-{rule}", epochs=0,
                         two_way=rule == "v2")  # fmt: skip
        initial, table = run.document["stitching"]["initial"], pd.read_csv(run.path / "routes.csv")
        stitched = table[table["type"] != "anchor"]
        print(f"  {rule}: {len(stitched)} stitches; {line_text(initial)}")
        mean, residuals = stitched["accuracy_fitted"].mean(), stitched["residual"]
        print(f"  {rule}: {correlation_text(initial)}; all stitches on average {mean:.1%}, residuals "
              f"{residuals.min():.3f} to {residuals.max():.3f}")  # fmt: skip
        for kind, part in stitched.groupby("type"):
            rho = part["residual"].corr(part["accuracy"], method="spearman")
            print(f"    {kind}: accuracy {part['accuracy'].min():.1%} to {part['accuracy'].max():.1%}, Spearman of "
                  f"residual and accuracy {rho:+.2f}")  # fmt: skip
        rho = stitched["residual"].corr(stitched["accuracy"], method="spearman")
        print(f"    all, whatever their end: {rho:+.2f}")
        print(f"    area under the front {area(table):.4f}")
    return table


def area(table: pd.DataFrame) -> float:
    """Best accuracy at no more than a cost, averaged over the costs from the smallest to the largest anchor."""
    ordered = table.dropna(subset="accuracy").sort_values("macs")
    best, macs = ordered["accuracy"].cummax().to_numpy(), ordered["macs"].to_numpy(dtype=float)
    return float((best[:-1] * np.diff(macs)).sum() / (macs[-1] - macs[0]))


def epochs_at_equal_cost(minutes: float, runs: int, folders: list[str]) -> dict[str, float]:
    """Epochs by sampler such that both spend the same expected MACs, from the anchors' speed and the time there is."""
    space = Stitching(**OPTIONS, rule="v2")
    groups = [space.price(g, ("macs",))["macs"] for g in cost_groups(space)]
    mean = {"routes": float(np.concatenate(groups).mean()), "ros": float(np.mean([g.mean() for g in groups]))}
    print(f"  MACs of a step's route: uniform {mean['routes'] / 1e6:.1f} M, ROS {mean['ros'] / 1e6:.1f} M; "
          f"{len(groups)} groups of {', '.join(str(len(g)) for g in groups)}")  # fmt: skip
    speed = 1 / np.mean([1 / np.median([float(r["images_per_s"]) for r in read(Path(f))]) for f in folders])
    uniform = minutes * 60 * TRAINING_SHARE / runs * speed / (0.9 * TRAIN)
    return {name: round(float(np.clip(uniform, 0.2, 20)) * mean["routes"] / m, 2) for name, m in mean.items()}


def training(data: Path, weights: list[str], out: Path, fitted: pd.DataFrame, seeds: int, minutes: float) -> None:
    """Part 2."""
    epochs = epochs_at_equal_cost(minutes, 2 * seeds, weights)
    space = Stitching(**OPTIONS, rule="v2")
    routes = {int(n): space.routes[int(n)] for n in fitted["route"]}
    known = {int(r.route): (int(r.macs), float(r.accuracy_fitted)) for r in fitted.itertuples()}
    unpruned = set(survivors(routes, known, IMAGES))
    print(f"  least squares only: area {area(fitted):.4f}; pruning would keep {len(unpruned)} of {len(routes)} routes")
    areas: dict[str, list[float]] = {name: [] for name in epochs}
    for seed in range(seeds):
        for sampler, count in epochs.items():
            begin = time.perf_counter()
            run = nas.stitch(ANCHORS, str(data), anchor_weights=weights, out=out, name=f"{sampler}-{seed}", seed=seed,
                             sampler=sampler, epochs=count, **STITCHED)  # fmt: skip
            table = pd.read_csv(run.path / "routes.csv")
            areas[sampler].append(area(table))
            stitched, front = table[table["type"] != "anchor"], table[table["front"] == 1]
            pruned = len(set(front["route"]) - unpruned)
            print(
                f"  {sampler}, seed {seed}, {count:g} epochs: area {areas[sampler][-1]:.4f}; stitches on average "
                f"{stitched['accuracy'].mean():.1%} (before {stitched['accuracy_fitted'].mean():.1%}), anchors "
                f"{' and '.join(f'{a:.1%}' for a in table['accuracy'][:2])}; front of {len(front)}, of which pruning "
                f"leaves out {pruned}; {forecast_text(table)}; {time.perf_counter() - begin:.0f} s", flush=True,
            )  # fmt: skip
    for name, values in areas.items():
        print(f"  {name}: area {np.mean(values):.4f} +- {np.std(values, ddof=1 if seeds > 1 else 0):.4f}")
    wins = sum(r > u for r, u in zip(areas["ros"], areas["routes"], strict=True))
    print(f"  ROS minus uniform: {np.mean(areas['ros']) - np.mean(areas['routes']):+.4f}; ROS is ahead in {wins} of "
          f"{seeds} seeds")  # fmt: skip


def switching() -> None:
    """Part 3."""
    space = Stitching(**OPTIONS, rule="v2")
    net: Any = space.supernet().eval()
    routes = [space.decode(genome) for genome in space.enumerate()]
    for label, repeats in (("for the first time", 1), ("again", 100)):
        begin = time.perf_counter()
        for architecture in routes * repeats:
            net.activate(architecture)
        each = (time.perf_counter() - begin) / (len(routes) * repeats)
        print(f"  activating a route {label}: {each * 1e6:.2f} us")


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15, help="about how long it may take on one core")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/nas-stitching"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.cache.mkdir(parents=True, exist_ok=True)
    data, out = subset(args.cache), args.cache / "runs"
    shutil.rmtree(out, ignore_errors=True)
    print("Anchors:")
    weights = anchors(args.cache, data)
    print("Switching:")
    switching()
    print("Least squares only:", flush=True)
    fitted = before_training(data, weights, out)
    print("Training, uniform beside ROS:", flush=True)
    training(data, weights, out, fitted, args.seeds, args.minutes)


if __name__ == "__main__":
    main()
