"""The searched stages of a grid: which genes each depends on, and its operator rows for a whole population."""

from __future__ import annotations

from typing import Any

from search_spaces.convnet import operators
from search_spaces.convnet.families import Conv, inverted
from search_spaces.convnet.grids import STEM_KERNEL, STEM_STRIDE, FamilyGrid
from search_spaces.operators import TableBuilder
from search_spaces.space import Choice, Part, Stage, Values


def inner_gene(family: str) -> str:
    """What the gene of the inner width is called: a ratio in the inverted families, the width itself in the others."""
    return "expand" if inverted(family) else "bottleneck"


def inner_width(family: str, gene: Any, width: Any) -> Any:
    """The inner width b that a value of that gene means in a stage of ``width``."""
    return gene * width if inverted(family) else gene


def stage_chain(grid: FamilyGrid) -> tuple[str, ...]:
    """Names of stem and stages in order: widths never decrease along them."""
    return ("stem", *(f"S{i + 1}" for i in range(len(grid.stages))))


def choices(family: str, grid: FamilyGrid) -> tuple[Choice, ...]:
    """Every decision of the grid, in order."""
    found = [Choice("stem.width", grid.stem)]
    for name, stage in zip(stage_chain(grid)[1:], grid.stages, strict=True):
        fields = zip(("width", inner_gene(family), "kernel", "depth"), stage, strict=True)
        found += [Choice(f"{name}.{field}", values) for field, values in fields]
    return (*found, *([Choice("conv_head.width", grid.head)] if grid.head else []))


class StageFactory:
    """Makes the stages of one grid at one image size."""

    def __init__(self, family: str, grid: FamilyGrid, *, img_size: int, in_chans: int, num_classes: int) -> None:
        self.family, self.grid = family, grid
        self.in_chans, self.num_classes = in_chans, num_classes
        self.chain = stage_chain(grid)
        self.sides = [img_size]
        for stride in (STEM_STRIDE, *grid.strides):
            self.sides.append(int(operators.half(self.sides[-1], stride)))

    def all(self) -> tuple[Stage, ...]:
        """Stem, stages, the 1x1 head convolution where there is one, and the classifier."""
        return (self._stem(), *(self._stage(i) for i in range(len(self.grid.stages))), *self._end())

    def _stem(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            operators.conv_norm(b, Conv(self.in_chans, v["stem.width"], STEM_KERNEL, STEM_STRIDE), self.sides[0])

        return Stage("stem", (Part(("stem.width",), rows),), self.grid.strides[0] == 2)

    def _stage(self, i: int) -> Stage:
        name, fields = self.chain[i + 1], ("width", inner_gene(self.family), "kernel", "depth")
        before, (width, inner, kernel, depth) = f"{self.chain[i]}.width", (f"{name}.{field}" for field in fields)

        def block(b: TableBuilder, v: Values, **where: Any) -> None:
            bottleneck = inner_width(self.family, v[inner], v[width])
            operators.block(b, self.family, out=v[width], bottleneck=bottleneck, kernel=v[kernel], **where)

        def first(b: TableBuilder, v: Values) -> None:
            block(b, v, c_in=v[before], side=self.sides[i + 1], stride=self.grid.strides[i], first=True)

        def rest(b: TableBuilder, v: Values) -> None:
            for j in range(1, max(self.grid.stages[i].depth)):
                block(b, v, c_in=v[width], side=self.sides[i + 2], stride=1, first=False, where=v[depth] > j)

        parts = Part((before, width, inner, kernel), first), Part((width, inner, kernel, depth), rest)
        return Stage(name, parts, self._ends_scale(i), (before, width), lambda v: v[before] <= v[width])

    def _ends_scale(self, i: int) -> bool:
        """Whether stage ``i`` is the last at its scale; a 1x1 head belongs to the last stage's."""
        if i + 1 < len(self.grid.strides):
            return self.grid.strides[i + 1] == 2
        return not self.grid.head

    def _end(self) -> list[Stage]:
        last, side = f"{self.chain[-1]}.width", self.sides[-1]
        width = "conv_head.width" if self.grid.head else last

        def conv_head(b: TableBuilder, v: Values) -> None:
            operators.conv_norm(b, Conv(v[last], v[width], 1), side)

        def head(b: TableBuilder, v: Values) -> None:
            operators.head(b, width=v[width], side=side, num_classes=self.num_classes)

        stages = [Stage("conv_head", (Part((last, width), conv_head),))] if self.grid.head else []
        return [*stages, Stage("head", (Part((width,), head),), ends_scale=False)]
