"""As-ViT: what the default protocol of ``nas scale`` is worth beside the paper's, and how long it takes.

1. LE of three seeds under the released procedure, beside the reference's figures.
2. On random seeds: Kendall's tau of LE and of NTK between the default protocol and the paper's, beside the tau of the
   paper's protocol with itself (other weights and circles) and of the trivial K2 K3 K4.
3. Seconds per judgement under both protocols, and with ``--scale`` the whole of ``nas scale``, twice: the wall time,
   and whether both series are the same.

    python benchmarks/asvit.py [--seeds 20] [--repeats 5] [--workers 2] [--scale 5GFLOPs]
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

import nas
from nas.designers.asvit.judge import Judge, Judgement
from nas.designers.asvit.measure import Bench
from nas.designers.asvit.protocol import DEFAULT, PAPER, Protocol
from nas.designers.asvit.seeds import merging_product
from nas.designers.asvit.workers import measuring
from search_spaces import Architecture
from search_spaces.asvit import AsViT

REFERENCE = {
    "8,2,3|4,1,2|4,1,4|4,1,6|32": (8.13e-3, 0.46e-3),
    "4,8,2|2,4,2|2,2,2|2,1,2|16": (1.13e-3, 0.06e-3),
    "8,2,6|4,1,6|4,1,6|4,1,6|64": (7.99e-3, 0.17e-3),
}


def judged(architectures: Sequence[Architecture], protocol: Protocol, seed: int, workers: int) -> list[Judgement]:
    """Judge all of them; prints the seconds of a judgement."""
    begin = time.perf_counter()
    with measuring(Bench(protocol, seed), workers) as measure:
        found = Judge(measure, protocol.repeats)(architectures)
    wall, each = time.perf_counter() - begin, np.mean([j.seconds for j in found])
    print(
        f"  {protocol.name}, seed {seed}: {each:.1f} s a judgement on one thread; {wall:.0f} s with {workers} workers"
    )
    return found


def magnitudes(paper: Protocol, workers: int) -> None:
    """Part 1."""
    space = AsViT()
    for judgement, (genotype, (mean, deviation)) in zip(
        judged([space.from_released(g) for g in REFERENCE], paper, 0, workers), REFERENCE.items(), strict=True
    ):
        print(f"  LE of {genotype}: {judgement.le:.3g}, reference {mean:.3g} +- {deviation:.2g}")


def tau(a: Sequence[float | None], b: Sequence[float | None]) -> str:
    """Kendall's tau-b."""
    return f"{kendalltau(a, b).statistic:+.2f}"


def agreement(count: int, paper: Protocol, workers: int) -> None:
    """Part 2."""
    space = AsViT()
    seeds = [space.decode(g) for g in space.sample(count, np.random.default_rng(0))]
    first, second = (judged(seeds, paper, seed, workers) for seed in (0, 1))
    cheap = judged(seeds, DEFAULT, 2, workers)
    product = [merging_product(a.config) for a in seeds]
    for name in ("le", "ntk"):
        published, again, ours = ([getattr(j, name) for j in part] for part in (first, second, cheap))
        print(
            f"  {name.upper()} on {count} seeds: default with paper {tau(ours, published)}, paper with paper "
            f"{tau(again, published)}, K2 K3 K4 with paper {tau(product, published)}"
        )


def scaling(budget: str, workers: int) -> None:
    """Part 3."""
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for name in ("first", "second"):
            begin = time.perf_counter()
            made.append(nas.scale(budget, out=folder, name=name, workers=workers))
            print(f"  nas scale --budget {budget}: {time.perf_counter() - begin:.0f} s with {workers} workers")
        same = len({(Path(folder) / name / "front.csv").read_bytes() for name in ("first", "second")}) == 1
        for network in made[0].networks:
            size = f"{network.macs / 1e9:.2f} G MACs, {network.params / 1e6:.1f} M params"
            print(f"  {network.genotype}: {size}, LE {network.le}, NTK {network.ntk}, K2 K3 K4 {network.merging}")
        print(f"  the same seed gives the same series: {same}")


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=PAPER.repeats, help="of the paper's protocol")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scale", metavar="BUDGET", help="also run nas scale, twice")
    args = parser.parse_args()
    paper = dataclasses.replace(PAPER, repeats=args.repeats)
    print(f"LE under the released procedure ({paper.repeats} networks, 224 px):")
    magnitudes(paper, args.workers)
    print("Rank agreement:")
    agreement(args.seeds, paper, args.workers)
    if args.scale:
        print("Scaling:")
        scaling(args.scale, args.workers)


if __name__ == "__main__":
    main()
