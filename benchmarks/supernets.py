"""SortedNet's claim: nested sub-models of one training, each at least 96 % of the full model's accuracy.

    python benchmarks/supernets.py [--space elasticvit-small] [--data ../shared/data/fashion_mnist.npz] [--epochs 8]

Trains the space by the ``sorted`` sampler, judges every nested sub-model (up to 160) on the test images, and prints how
many reach 96 % of the full model's accuracy, the worst one, and what the parameter counts span.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import nas
from nas.training.judge import Judge
from nas.training.run import default_device
from nas.training.samplers.nested import nested

CLAIM = 0.96


def main() -> None:
    default = Path(os.environ.get("NAS_DATA", "../shared/data")) / "fashion_mnist.npz"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="elasticvit-small")
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--sampler", default="sorted")
    given = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        job = nas.train_supernet(
            given.space, given.data, epochs=given.epochs, batch=given.batch, sampler=given.sampler, out=folder
        )
        supernet, judge = job.load_supernet(), Judge(job.load_data(), 512, default_device())
        trained_s = time.monotonic() - start
        rows = []
        for architecture in nested(job.space):
            params = job.space.price_architecture(architecture)["params"]
            rows.append((params, judge.subnet(supernet.to(default_device()), architecture, "test")[1].accuracy))
    rows.sort()
    full = rows[-1][1]
    shares = [accuracy / full for _, accuracy in rows]
    reached = sum(share >= CLAIM for share in shares)
    print(
        f"{given.space}, {given.sampler} sampler, {given.epochs} epochs of {given.data} ({trained_s:.0f} s): "
        f"{len(rows)} sub-models of {rows[0][0] / 1e6:.2f} to {rows[-1][0] / 1e6:.2f} M parameters; full model "
        f"{full:.2%}; {reached} reach {CLAIM:.0%} of it, the worst {min(shares):.1%}"
    )


if __name__ == "__main__":
    main()
