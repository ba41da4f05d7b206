"""Architectures priced per second (MACs and params): our look-ups beside counting on the built module.

    python benchmarks/pricing.py [--architectures 300000] [--peers 5]

One process, one thread. The peers see fewer architectures, since they build and run a module for each; all three
price the same architectures, and the last column says whether the MACs agree with ours (fvcore's do not: it misses the
attention products or counts norms, see the README).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from search_spaces import SearchSpace, get_space
from search_spaces.space import Genomes


def ours(space: SearchSpace, genomes: Genomes) -> tuple[float, np.ndarray]:
    """(architectures per second, MACs)."""
    start = time.perf_counter()
    macs = space.price(genomes, ("macs", "params"))["macs"]
    return len(genomes) / (time.perf_counter() - start), macs


def flop_counter(space: SearchSpace, genomes: Genomes) -> tuple[float, np.ndarray]:
    """``torch.utils.flop_counter`` on the meta device, module built for each architecture."""
    from torch.utils.flop_counter import FlopCounterMode

    def count(genome: np.ndarray) -> int:
        architecture = space.decode(genome)
        with torch.device("meta"):
            model = space.model(architecture).eval()
            side = architecture.config["resolution"]
            counter = FlopCounterMode(display=False)
            with counter, torch.no_grad():
                model(torch.empty(1, 3, side, side))
        _ = sum(p.numel() for p in model.parameters())
        return counter.get_total_flops() // 2

    start = time.perf_counter()
    macs = np.array([count(g) for g in genomes])
    return len(genomes) / (time.perf_counter() - start), macs


def fvcore(space: SearchSpace, genomes: Genomes) -> tuple[float, np.ndarray]:
    """fvcore's ``FlopCountAnalysis`` on the built module (it traces with real tensors)."""
    from fvcore.nn import FlopCountAnalysis

    def count(genome: np.ndarray) -> int:
        architecture = space.decode(genome)
        model = space.model(architecture).eval()
        side = architecture.config["resolution"]
        analysis = FlopCountAnalysis(model, torch.zeros(1, 3, side, side))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        _ = sum(p.numel() for p in model.parameters())
        return int(analysis.total())

    start = time.perf_counter()
    macs = np.array([count(g) for g in genomes])
    return len(genomes) / (time.perf_counter() - start), macs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="elasticvit")
    parser.add_argument("--architectures", type=int, default=300_000)
    parser.add_argument("--peers", type=int, default=5, help="architectures that the peers price")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)

    start = time.perf_counter()
    space = get_space(arguments.space)
    _ = space.prices
    compiled = time.perf_counter() - start
    genomes = space.sample(arguments.architectures, np.random.default_rng(0))
    runs = [ours(space, genomes) for _ in range(arguments.repeats)]
    rate, macs = statistics.median(r for r, _ in runs), runs[0][1]
    print(f"{arguments.space}: look-ups compiled once in {compiled:.2f} s; medians of {arguments.repeats} runs")
    print(f"{'counter':<32}{'architectures/s':>18}{'ours is faster by':>20}   MACs agree with ours")
    print(f"{'nas, look-up per stage':<32}{rate:>18,.0f}{'':>20}")
    for name, peer in (("torch flop_counter, meta", flop_counter), ("fvcore", fvcore)):
        try:
            speed, theirs = peer(space, genomes[: arguments.peers])
        except ImportError:
            print(f"{name:<32}{'not installed':>18}")
            continue
        difference = np.abs(theirs / macs[: arguments.peers] - 1).max()
        agree = "to the integer" if difference == 0 else f"no, off by up to {difference:.1%}"
        print(f"{name:<32}{speed:>18,.2f}{rate / speed:>19,.0f}x   {agree}")


if __name__ == "__main__":
    main()
