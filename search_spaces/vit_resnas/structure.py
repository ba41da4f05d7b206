"""What follows from one structure of the grammar: its genes on a grid, operator table, price and summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.errors import SpaceError
from search_spaces.modules import vit_operators as vit
from search_spaces.operators import OperatorTable, TableBuilder, capacity
from search_spaces.space import StageSummary
from search_spaces.vit_resnas import operators
from search_spaces.vit_resnas.grammar import present, sides, stage_names
from search_spaces.vit_resnas.grids import Grid


def genes(name: str, config: Mapping[str, Any], grid: Grid) -> dict[str, int]:
    """The value of every gene of ``grid`` (the resolution aside). Raises SpaceError where it is not on the grid."""
    for field, fixed in (("patch_size", grid.patch_size), ("mid", grid.mid)):
        if config[field] != fixed:
            raise SpaceError(f"{name}: the searched grid has {field} = {fixed}, got {config[field]}")
    if len(config["stages"]) != len(grid.stages):
        raise SpaceError(f"{name}: the searched grid has {len(grid.stages)} stages, got {len(config['stages'])}")
    found: dict[str, int] = {}
    for s, (stage, choices) in enumerate(zip(config["stages"], grid.stages, strict=True)):
        if len(stage["blocks"]) != grid.slots:
            raise SpaceError(
                f"{name}: S{s + 1} has {len(stage['blocks'])} blocks, the grid {grid.slots} places (null where a block "
                f"is left out)"
            )
        found |= {f"S{s + 1}.embed_dim": _among(f"S{s + 1}.embed_dim", stage["embed_dim"], choices.embed_dim, name)}
        for slot, block in enumerate(stage["blocks"], start=1):
            where = f"S{s + 1}.{slot}"
            heads, mlp = (block["heads"], block["mlp"]) if block else (0, choices.mlp[0])
            if block and block["head_dim"] != choices.head_dim:
                raise SpaceError(f"{name}: {where} has heads of {block['head_dim']}, the grid {choices.head_dim}")
            found[f"{where}.heads"] = _among(f"{where}.heads", heads, grid.heads(s, slot), name)
            found[f"{where}.mlp"] = _among(f"{where}.mlp", mlp, choices.mlp, name)
    return found


def _among(where: str, value: int, choices: tuple[int, ...], name: str) -> int:
    if value not in choices:
        raise SpaceError(f"{name}: {where} must be one of {choices}, got {value}")
    return value


def on_grid(name: str, config: Mapping[str, Any], grid: Grid) -> bool:
    """Whether the structure lies on ``grid``, at any resolution."""
    try:
        genes(name, config, grid)
    except SpaceError:
        return False
    return True


def seated(config: dict[str, Any], grid: Grid) -> dict[str, Any]:
    """The structure with missing blocks of short stages put back as null, in the last places that may be empty."""
    return {**config, "stages": [{**s, "blocks": _seated(s["blocks"], grid)} for s in config["stages"]]}


def _seated(blocks: list[Any], grid: Grid) -> list[Any]:
    missing = grid.slots - len(blocks)
    if not 0 < missing <= len(grid.removable) or None in blocks:
        return blocks
    empty, rest = grid.removable[-missing:], iter(blocks)
    return [None if slot in empty else next(rest) for slot in range(1, grid.slots + 1)]


def table(config: Mapping[str, Any], *, in_chans: int, num_classes: int) -> OperatorTable:
    """The operator table (size 1) of a valid structure; its stages are ``grammar.stage_names``."""
    b, edges = TableBuilder(1, stage_names(config)), sides(config)
    width = config["stages"][0]["embed_dim"]
    operators.patch_embedding(
        b, in_chans=in_chans, width=width, mid=config["mid"], patch=config["patch_size"], side=edges[0]
    )
    for s, (stage, side) in enumerate(zip(config["stages"], edges, strict=True), start=1):
        if s > 1:
            b.enter(f"R{s - 1}")
            operators.reduction(b, c_in=width, c_out=stage["embed_dim"], side=edges[s - 2])
        width = stage["embed_dim"]
        b.enter(f"S{s}")
        for block in present(stage).values():
            vit.block(
                b, width=width, heads=block["heads"], head_dim=block["head_dim"], hidden=block["mlp"],
                tokens=side**2 + 1,
            )  # fmt: skip
    b.enter("head")
    operators.head(b, width=width, side=edges[-1], num_classes=num_classes)
    return b.table()


def price(rows: OperatorTable) -> dict[str, int | float]:
    """All quantities from the table; a scale ends with each stage S."""
    stages = [rows.select(rows["stage"] == i) for i in range(len(rows.stages))]
    entropy = np.array([[stage.entropy[0] for stage in stages]])
    volume = np.array([[float(stage.volume[0]) for stage in stages]])
    ends = [name.startswith("S") for name in rows.stages]
    return {
        "macs": int(rows.macs[0]), "params": int(rows.params[0]), "activations": int(rows.activations[0]),
        "memory": int(rows.memory_bytes[0]), "capacity": float(capacity(entropy, volume, ends)[0]),
    }  # fmt: skip


def summary(config: Mapping[str, Any], num_classes: int) -> list[StageSummary]:
    """The stages as people speak of them."""
    edges, patch, mid = sides(config), config["patch_size"], config["mid"]
    how = f"{patch}-pixel patches, {'linear' if mid is None else f'{mid} channels first'}"
    width = config["stages"][0]["embed_dim"]
    rows = [StageSummary("patch_embed", "convolution", 1 if mid is None else 4, width, edges[0], how)]
    for s, (stage, side) in enumerate(zip(config["stages"], edges, strict=True), start=1):
        width = stage["embed_dim"]
        if s > 1:
            rows.append(StageSummary(f"R{s - 1}", "convolution", 1, width, side, "residual spatial reduction"))
        blocks = list(present(stage).values())
        heads, mlp = (_list([b[key] for b in blocks]) for key in ("heads", "mlp"))
        detail = f"heads {heads} of {_list([b['head_dim'] for b in blocks])}, MLP {mlp}"
        rows.append(StageSummary(f"S{s}", "transformer", len(blocks), width, side, detail))
    return [*rows, StageSummary("head", "head", 1, width, 1, f"{num_classes} classes")]


def _list(values: list[int]) -> str:
    """One value where all are equal, else all of them."""
    return "/".join(map(str, values if len(set(values)) > 1 else values[:1]))
