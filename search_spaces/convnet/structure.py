"""What follows from one structure of the grammar: its operator table, price and summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.convnet import operators
from search_spaces.convnet.families import Conv
from search_spaces.convnet.grammar import ends_scale, stage_names
from search_spaces.operators import OperatorTable, TableBuilder, capacity
from search_spaces.space import StageSummary

BLOCK_FIELDS = ("out", "bottleneck", "kernel")


def table(config: Mapping[str, Any], *, in_chans: int, num_classes: int) -> OperatorTable:
    """The operator table (size 1) of a valid structure; its stages are ``grammar.stage_names``."""
    b = TableBuilder(1, stage_names(config))
    stem, end = config["stem"], config["head"]
    b.enter("stem")
    operators.conv_norm(b, Conv(in_chans, stem["out"], stem["kernel"], stem["stride"]), config["resolution"])
    side, width = operators.half(config["resolution"], stem["stride"]), stem["out"]
    for name, stage in zip(b.stages[1:], config["stages"], strict=False):
        b.enter(name)
        for i in range(stage["depth"]):
            shape, stride = {field: stage[field] for field in BLOCK_FIELDS}, stage["stride"] if i == 0 else 1
            operators.block(b, config["family"], c_in=width, stride=stride, side=side, first=i == 0, **shape)
            side, width = operators.half(side, stride), stage["out"]
    if end:
        b.enter("conv_head")
        operators.conv_norm(b, Conv(width, end["out"], 1), side)
        width = end["out"]
    b.enter("head")
    operators.head(b, width=width, side=side, num_classes=num_classes)
    return b.table()


def price(config: Mapping[str, Any], rows: OperatorTable) -> dict[str, int | float]:
    """All quantities from the table; scales end where this structure's strides say."""
    stages = [rows.select(rows["stage"] == i) for i in range(len(rows.stages))]
    entropy = np.array([[stage.entropy[0] for stage in stages]])
    volume = np.array([[float(stage.volume[0]) for stage in stages]])
    return {
        "macs": int(rows.macs[0]), "params": int(rows.params[0]), "activations": int(rows.activations[0]),
        "memory": int(rows.memory_bytes[0]), "capacity": float(capacity(entropy, volume, ends_scale(config))[0]),
    }  # fmt: skip


def summary(config: Mapping[str, Any], num_classes: int) -> list[StageSummary]:
    """The stages as people speak of them."""
    stem, end = config["stem"], config["head"]
    side = int(operators.half(config["resolution"], stem["stride"]))
    rows = [StageSummary("stem", "convolution", 1, stem["out"], side, f"kernel {stem['kernel']}")]
    for i, stage in enumerate(config["stages"], start=1):
        side = int(operators.half(side, stage["stride"]))
        detail = f"bottleneck {stage['bottleneck']}, kernel {stage['kernel']}"
        rows.append(StageSummary(f"S{i}", "convolution", stage["depth"], stage["out"], side, detail))
    if end:
        rows.append(StageSummary("conv_head", "convolution", 1, end["out"], side, "kernel 1"))
    return [*rows, StageSummary("head", "head", 1, rows[-1].width, 1, f"{num_classes} classes")]
