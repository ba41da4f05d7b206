"""Real families from timm, stitched within 4 GB: memory and time to build, to fit by least squares, and to switch.

Weights are random, so nothing is downloaded; each family runs in a process of its own, whose peak resident memory the
operating system tells. Least squares see a few hundred images, switching goes through every route.

    python benchmarks/stitching_families.py [--images 200] [--family NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from search_spaces.stitching import Stitching
from search_spaces.stitching.least_squares import fit_stitches
from search_spaces.stitching.model import StitchedNet

SWIN = "swin_{}_patch4_window7_224"
FAMILIES: dict[str, dict[str, Any]] = {
    "deit-ti-s": {"anchors": "deit_tiny_patch16_224,deit_small_patch16_224"},
    "deit-ti-s-b": {"anchors": "deit_tiny_patch16_224,deit_small_patch16_224,deit_base_patch16_224"},
    "deit-ti-s-b two-way": {
        "anchors": "deit_tiny_patch16_224,deit_small_patch16_224,deit_base_patch16_224", "rule": "v2"
    },
    "swin-ti-s": {"anchors": f"{SWIN.format('tiny')},{SWIN.format('small')}"},
    "levit-192-256": {"anchors": "levit_192,levit_256"},
    "levit-128s-384": {"anchors": "levit_128s,levit_384"},
    "resnet-18-50": {"anchors": "resnet18,resnet50"},
    "resnet-18-swin-ti": {"anchors": f"resnet18,{SWIN.format('tiny')}"},
}  # fmt: skip
LIMIT = 4e9
"""Bytes that a family may take."""
BATCH = 8
SWITCHES = 2000


def images(count: int) -> Iterator[torch.Tensor]:
    """Random ones in batches, made as they are asked for."""
    generator = torch.Generator().manual_seed(0)
    for start in range(0, count, BATCH):
        yield torch.randn(min(BATCH, count - start), 3, 224, 224, generator=generator)


def measure(family: str, count: int) -> dict[str, Any]:
    """One family in this process: seconds to build and to fit, microseconds to switch, peak memory in bytes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = time.perf_counter()
    space = Stitching(**FAMILIES[family])
    net = StitchedNet(space).eval()
    built = time.perf_counter()
    fits = fit_stitches(net, images(count))
    fitted = time.perf_counter()
    routes = [space.of_route(route) for route in space.routes if route.used]
    for route in routes:
        net.activate(route)
    addresses = [t.data_ptr() for t in net.parameters()]
    again = time.perf_counter()
    for n in range(SWITCHES):
        net.activate(routes[n % len(routes)])
    switched = time.perf_counter()
    with torch.no_grad():
        net.activate(routes[-1])
        finite = bool(torch.isfinite(net(next(images(1)))).all())
    return {
        "family": family, "routes": len(routes), "layers": len(net.stitches), "images": count,
        "params": sum(p.numel() for p in net.parameters()), "build_s": built - start, "fit_s": fitted - built,
        "switch_us": 1e6 * (switched - again) / SWITCHES, "residuals": [min(f.residual for f in fits),
                                                                        max(f.residual for f in fits)],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "stayed": addresses == [t.data_ptr() for t in net.parameters()], "finite": finite,
    }  # fmt: skip


def in_child(family: str, count: int) -> dict[str, Any]:
    """:func:`measure` in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--child", family, "--images", str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{family}: {done.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--family", nargs="*", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--child", choices=list(FAMILIES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args.images)))
        return
    print(f"{args.images} images, one thread; residuals are of random weights")
    print("family               routes  layers  params M  build s   fit s  switch us  peak GB  residuals")
    for family in args.family:
        f = in_child(family, args.images)
        within = "" if f["peak_bytes"] < LIMIT and f["stayed"] and f["finite"] else "  FAILED"
        print(
            f"{family:20} {f['routes']:6} {f['layers']:7} {f['params'] / 1e6:9.1f} {f['build_s']:8.1f} "
            f"{f['fit_s']:7.1f} {f['switch_us']:10.2f} {f['peak_bytes'] / 1e9:8.2f}  "
            f"{f['residuals'][0]:.3f} to {f['residuals'][1]:.3f}{within}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
