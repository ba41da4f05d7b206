"""Structural limits of the released mutators (section 2.3), checked on one structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .structure import Structure

if TYPE_CHECKING:
    from .problem import Problem


def off_grid(problem: Problem, structure: Structure) -> Iterator[str]:
    """One line for every way in which ``structure`` is not an element of the search domain."""
    grid, cin = problem.grid, structure.stem.out
    if structure.family != problem.family or len(structure.stages) != len(problem.strides):
        yield f"family {structure.family} with {len(structure.stages)} stages"
        return
    if cin not in grid.stem or (structure.stem.kernel, structure.stem.stride) != (3, 2):
        yield f"stem {structure.stem}"
    if (structure.head.out if structure.head else None) != problem.head:
        yield f"head {structure.head}"
    for s, stage in enumerate(structure.stages):
        if stage.out not in problem.widths(s) or stage.bottleneck not in grid.bottleneck:
            yield f"stage {s + 1}: widths {stage.out}/{stage.bottleneck}"
        if stage.kernel not in grid.kernel or stage.stride != problem.strides[s]:
            yield f"stage {s + 1}: kernel {stage.kernel}, stride {stage.stride}"
        if not 1 <= stage.depth <= grid.depths(s):
            yield f"stage {s + 1}: depth {stage.depth}"
        if stage.out > grid.growth * cin or (problem.non_decreasing and stage.out < cin):
            yield f"stage {s + 1}: {cin} -> {stage.out}"
        low, high = (ratio * stage.out for ratio in grid.bottleneck_ratio)
        if not low * (1 - 1e-12) <= stage.bottleneck <= high * (1 + 1e-12):
            yield f"stage {s + 1}: bottleneck {stage.bottleneck} of {stage.out}"
        cin = stage.out
