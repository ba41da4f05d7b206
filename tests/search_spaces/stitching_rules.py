"""The papers' stitching rules a second time, for tests: routes by lists, costs by counting timm's own modules.

Nothing of ours is called. MACs are those of ``torch.utils.flop_counter`` on the meta device; the papers add 5 per
element of a layer norm, 2 of a batch norm and 1 of an adaptive average pool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

BLOCK = {
    "vit": r"blocks\.(?P<b>\d+)$", "swin": r"layers\.(?P<s>\d+)\.blocks\.(?P<b>\d+)$",
    "levit": r"stages\.(?P<s>\d+)\.blocks\.(?P<b>\d+)$", "resnet": r"layer(?P<s>\d)\.(?P<b>\d+)$",
}  # fmt: skip
BETWEEN = re.compile(r"(layers|stages)\.(?P<s>\d+)\.downsample$")
TAIL = ("norm", "fc_norm", "head", "head_dist", "fc", "global_pool")
EXTRA = {nn.LayerNorm: 5, nn.BatchNorm1d: 2, nn.BatchNorm2d: 2, nn.AdaptiveAvgPool2d: 1}
Row = tuple[str, list[int], int | None, list[list[int]] | None]
"""(type, path, stage of the stitches, stitches)."""


@dataclass
class Cost:
    """MACs, what a paper counts beside them, parameters."""

    macs: int = 0
    extra: int = 0
    params: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.extra + other.extra, self.params + other.params)


@dataclass
class Network:
    """One anchor in parts; ``dims``, ``positions``: its features by stage; ``loose``: tokens and position table."""

    blocks: dict[tuple[int, int], Cost] = field(default_factory=dict)
    between: dict[int, Cost] = field(default_factory=dict)
    embed: Cost = field(default_factory=Cost)
    tail: Cost = field(default_factory=Cost)
    dims: dict[int, int] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    last_norm: int = 0
    loose: int = 0

    @property
    def depths(self) -> list[int]:
        return [sum(stage == s for stage, _ in self.blocks) for s in sorted(self.dims)]


def network(name: str, family: str, classes: int, side: int) -> Network:
    """Measure a timm model."""
    model, _, query = name.partition("?")
    sized = {} if family == "resnet" else {"img_size": side}
    with torch.device("meta"):
        module = timm.create_model(model, num_classes=classes, **sized, **{k: int(v) for k, v in parse_qsl(query)})
        costs, shapes = _costs(module.eval(), torch.zeros(1, 3, side, side))
    found = Network(loose=sum(p.numel() for p in module.parameters(recurse=False)))
    for path, cost in costs.items():
        if match := re.match(BLOCK[family], path):
            stage = int(match.groupdict().get("s") or 0) - (family == "resnet")
            found.blocks[stage, int(match["b"])] = cost
            found.dims[stage], found.positions[stage] = _features(shapes[path], family)
        elif match := BETWEEN.match(path):
            found.between[int(match["s"])] = cost
        elif path in TAIL:
            found.tail += cost
        elif "." not in path and not any(part.startswith(path) for part in ("blocks", "layers", "stages", "layer1")):
            found.embed += cost if not path.startswith("layer") else Cost()
    found.last_norm = costs["norm"].extra if family == "vit" else 0
    parts = [found.embed, found.tail, *found.blocks.values(), *found.between.values()]
    assert sum(p.params for p in parts) + found.loose == sum(p.numel() for p in module.parameters())
    return found


def _costs(module: nn.Module, images: torch.Tensor) -> tuple[dict[str, Cost], dict[str, Any]]:
    extra, shapes = dict[str, int](), dict[str, Any]()

    def hook(path: str) -> Any:
        def note(part: nn.Module, given: Any, out: Any) -> None:
            extra[path] = next((f for kind, f in EXTRA.items() if isinstance(part, kind)), 0) * given[0].numel()
            shapes[path] = out.shape

        return note

    for path, part in module.named_modules():
        part.register_forward_hook(hook(path))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(images)
    counts = counter.get_flop_counts()
    costs = {
        path: Cost(
            sum(counts.get(f"{type(module).__name__}.{path}", {}).values()) // 2,
            sum(v for k, v in extra.items() if k == path or k.startswith(path + ".")),
            sum(p.numel() for p in part.parameters()),
        )
        for path, part in module.named_modules() if path
    }  # fmt: skip
    return costs, shapes


def _features(shape: Any, family: str) -> tuple[int, int]:
    """(channels, positions) of (B, C, H, W), (B, H, W, C) or (B, N, C)."""
    if len(shape) == 3:
        return shape[2], shape[1]
    return (shape[3], shape[1] * shape[2]) if family == "swin" else (shape[1], shape[2] * shape[3])


def rows(depths: list[list[int]], family: str, rule: str) -> list[Row]:
    """Every route, in the papers' order."""
    anchors: list[Row] = [("anchor", [a], None, None) for a in range(len(depths))]
    return anchors + list(_two_way(depths) if rule == "v2" else _one_way(depths, family))


def _one_way(depths: list[list[int]], family: str) -> Iterator[Row]:
    last = len(depths[0]) - 1
    stages = {"vit": [0], "resnet": list(range(1, last))}.get(family, list(range(last)))
    for stage in stages:
        for a in range(len(depths) - 1):
            for i, j in _pairs(depths[a][stage], depths[a + 1][stage], family == "vit"):
                yield "SL", [a, a + 1], stage, [[i, j]]


def _pairs(front: int, end: int, every: bool) -> list[tuple[int, int]]:
    if front != end:
        nearest = [int(i * front / end) for i in range(end)]
        return [(a, i) for i, a in enumerate(nearest) if a < i]
    found: list[tuple[int, int]] = []
    for start in range(front):
        window = [start, start + 1] if start + 1 < front else [start]
        found += [(j, k) for j in window for k in window if (j, k) not in found]
    return [p for p in found if every or p[0] < p[1]]


def _two_way(depths: list[list[int]]) -> Iterator[Row]:
    for a in range(len(depths) - 1):
        small, large = depths[a][0], depths[a + 1][0]
        up = [[i, (i + 1) * (large // small)] for i in range(small)]
        down = [[i, i * small // large + 1] for i in range(large - 1) if small == large or i % 2]
        yield from (("SL", [a, a + 1], 0, [u]) for u in up)
        yield from (("LS", [a + 1, a], 0, [d]) for d in down)
        yield from (("LSL", [a + 1, a, a + 1], 0, [d, u]) for d in down for u in up[:-1] if u[0] >= d[1])
        yield from (("SLS", [a, a + 1, a], 0, [u, d]) for u in up[:-1] for d in down if d[0] >= u[1])


def figures(networks: list[Network], row: Row, family: str, rule: str) -> dict[str, int | None]:
    """``macs``, ``params``, ``paper_count`` and ``paper_params`` of a route."""
    _, path, where, stitches = row
    current, points = networks[path[0]], list(zip(path[1:], stitches or [], strict=True))
    total, unreported = current.embed + Cost(params=current.loose), Cost()
    done: set[tuple[int, int, int]] = set()
    for stage in range(len(current.depths)):
        merging = current.between.get(stage, Cost())
        total, unreported = total + merging, unreported + (merging if points else Cost())
        start = 0
        while points and stage == where:
            anchor, (i, j) = points.pop(0)
            following = networks[anchor]
            c_in, c_out = current.dims[stage], following.dims[stage]
            total = _run(total, current, stage, range(start, i + 1), done)
            total += Cost(macs=current.positions[stage] * c_in * c_out, params=(c_in + 1) * c_out)
            current, start = following, j
        total = _run(total, current, stage, range(start, current.depths[stage]), done)
    total += current.tail
    unnormed = current.last_norm if rule == "v1" and stitches else 0
    reported = {"vit": networks[path[0]].loose, "swin": unreported.params}.get(family) if rule == "v1" else None
    return {
        "macs": total.macs, "params": total.params, "paper_count": total.macs + total.extra - unnormed,
        "paper_params": None if reported is None else total.params - (reported if stitches else 0),
    }  # fmt: skip


def _run(total: Cost, current: Network, stage: int, blocks: range, done: set[tuple[int, int, int]]) -> Cost:
    """``total`` and some blocks; the parameters of one that ran before are there already."""
    for block in blocks:
        cost, key = current.blocks[stage, block], (id(current), stage, block)
        total += Cost(cost.macs, cost.extra, 0 if key in done else cost.params)
        done.add(key)
    return total
