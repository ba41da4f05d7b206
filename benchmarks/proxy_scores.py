"""Proxy scores of networks whose accuracy is known, kept on disk so that a new proxy costs itself only.

One file of JSON lines per space: ``{"key": ..., "seed": ..., "proxy": ..., "value": ..., "status": ...}``, appended as
scores come, so that a killed run continues where it stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nasbench201
import numpy as np
import vitbench
from numpy.typing import NDArray
from torch import nn

from predictors.training_free import Batch, Limits, score
from predictors.training_free.isolation import seeded
from search_spaces import Architecture, get_space

CACHE = Path(os.environ.get("NAS_PROXY_CACHE", Path(__file__).parents[1] / "results" / "proxies"))
CELLS, IMAGES = 150, 32
"""Networks of NAS-Bench-201 that are scored, and Fashion-MNIST images they see (ViT-Bench's see 8 random ones)."""
NO_TIME_LIMIT = Limits(seconds=None)
"""A busy machine must not turn into evidence."""
REPEATS, SLICE = 16, (300e6, 600e6)
"""ElasticViT subnets scored under two seeds, and the MACs they lie in."""


@dataclass(frozen=True)
class Network:
    """One network: how to build it, what identifies it, and the seeds under which it is scored."""

    key: str
    build: Callable[[], nn.Module]
    batch: Batch | None = None
    seeds: tuple[int, ...] = (0,)


def networks(space: str) -> list[Network]:
    """Everything to score in a space; empty where its table is not in NAS_DATA."""
    makers = {"nasbench201": _cells, "elasticvit": _subnets}
    return makers[space]() if space in makers else _vitbench(space)


def _vitbench(space: str) -> list[Network]:
    table = vitbench.table(space)
    rows = [] if table is None else list(table.itertuples())
    return [Network(f"{space}/{i}", lambda row=row: vitbench.build(space, row)) for i, row in enumerate(rows)]  # type: ignore[misc]


def _cells() -> list[Network]:
    table, batch = nasbench201.table(CELLS), nasbench201.images(IMAGES)
    if table is None or batch is None:
        return []
    return [Network(f"nasbench201/{ops}", lambda ops=ops: nasbench201.build(ops), batch) for ops in table["ops"]]  # type: ignore[misc]


def _subnets() -> list[Network]:
    space = get_space("elasticvit")
    return [Network(a.id, lambda a=a: space.model(a), seeds=(0, 1)) for a, _ in subnets(*SLICE, REPEATS)]  # type: ignore[misc]


def subnets(low: float, high: float, count: int) -> list[tuple[Architecture, dict[str, int]]]:
    """Random ElasticViT subnets whose MACs lie in [low, high], with their MACs and params."""
    space = get_space("elasticvit")
    genomes = space.sample(20_000, np.random.default_rng(1))
    prices = space.price(genomes)
    inside = np.flatnonzero((prices["macs"] >= low) & (prices["macs"] <= high))[:count]
    return [(space.decode(genomes[i]), {q: int(prices[q][i]) for q in ("params", "macs")}) for i in inside]


def compute(space: str, names: Sequence[str]) -> None:
    """Score what is not in the cache yet."""
    known = {(r["key"], r["seed"], r["proxy"]) for r in _lines(space)}
    todo = [(n, seed, [p for p in names if (n.key, seed, p) not in known]) for n in networks(space) for seed in n.seeds]
    todo = [job for job in todo if job[2]]
    CACHE.mkdir(parents=True, exist_ok=True)
    for done, (network, seed, missing) in enumerate(todo, 1):
        with seeded(seed, network.key, "weights"):
            model = network.build()
        outcomes = score(model, network.batch, missing, seed=seed, key=network.key, limits=NO_TIME_LIMIT)
        found = [
            {"key": network.key, "seed": seed, "proxy": p, "value": o.value, "status": o.status}
            for p, o in outcomes.items()
        ]
        with (CACHE / f"{space}.jsonl").open("a") as file:
            file.writelines(json.dumps(r) + "\n" for r in found)
        if done % 10 == 0 or done == len(todo):
            print(f"{space}: {done}/{len(todo)}", flush=True)


def read(space: str, name: str, seed: int = 0) -> NDArray[np.float64]:
    """A proxy's value for each network of the space, in order; NaN where it failed or has not been computed yet."""
    found = {r["key"]: r["value"] for r in _lines(space) if r["proxy"] == name and r["seed"] == seed}
    return np.array([found.get(n.key) for n in networks(space)], dtype=np.float64)


def _lines(space: str) -> Iterator[dict[str, Any]]:
    path = CACHE / f"{space}.jsonl"
    if path.exists():
        yield from (json.loads(line) for line in path.read_text().splitlines())
