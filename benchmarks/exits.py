"""SoFT's step: all exits in one forward pass beside a pass for each, in one run.

    python benchmarks/exits.py [--space autoformer-small] [--batch 64] [--repeats 9]

One training step (forward, losses of all exits, backward) on the same images; the ways take turns. Prints the median
time of each, their ratio, the time of the deepest exit alone, and by how much the losses differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nas.training.run import default_device
from nas.training.samplers.nested import AllExits
from nas.training.samplers.plan import Item, Moment
from nas.training.step import Images, run_items
from search_spaces import get_space

WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="autoformer-small")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="Option of the space.")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    options = {name: _value(text) for name, _, text in (option.partition("=") for option in given.option)}
    torch.manual_seed(0)
    space, device = get_space(given.space, **{"num_classes": 10, "in_chans": 1, **options}), default_device()
    supernet: Any = space.supernet().to(device).train()
    together = AllExits(space).plan(Moment(0, 1, 1), np.random.default_rng(0))
    largest = together[-1].architecture
    assert largest is not None
    side = getattr(space.model(largest), "img_size", space.options.get("img_size", 32))
    x = torch.randn(given.batch, space.options["in_chans"], side, side, device=device)
    labels = torch.arange(given.batch, device=device) % space.options["num_classes"]
    images = Images(x, labels, x, labels)
    ways = {
        "one pass": together,
        "a pass for each": [replace(item, exit=False) for item in together],
        "the deepest alone": [Item(largest)],
    }
    if supernet.forward_exits(x[:2], [i.architecture for i in together]) is None:
        print(f"{given.space}: its exits share no forward pass; both ways are the same")
    times: dict[str, list[float]] = {name: [] for name in ways}
    losses = {}
    for repeat in range(given.repeats + WARM_UP):
        for name, items in ways.items():
            supernet.zero_grad(set_to_none=True)
            start = time.perf_counter()
            losses[name] = run_items(supernet, items, images, 0.1, 0, lambda t: t, nullcontext())[0]
            if device.type == "cuda":
                torch.cuda.synchronize()
            if repeat >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    print(f"{given.space}, {len(together)} exits, batch {given.batch}, {device}, {torch.get_num_threads()} threads")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"{name:<18} {1e3 * seconds:8.1f} ms a step, loss {losses[name]:.6f}")
    apart, deepest = medians["a pass for each"], medians["the deepest alone"]
    one = medians["one pass"]
    print(
        f"one pass takes {one / apart:.2f} of the time of separate passes, {one / deepest:.2f} of the deepest alone's"
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
