"""A tiny space without torch: two stages, widths that must not decrease. Small enough to check by enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np

from search_spaces import Architecture, OperatorTable, SearchSpace, SpaceError
from search_spaces.operators import TableBuilder
from search_spaces.space import Choice, Part, Stage, StageSummary, Values


def _rows(name: str, c_in: str | None) -> Any:
    def rows(b: TableBuilder, v: Values) -> None:
        width, depth = v[f"{name}.width"], v[f"{name}.depth"]
        b.conv(3 if c_in is None else v[c_in], width, 3, 8, 8)
        for layer in range(1, 4):
            b.conv(width, width, 3, 8, 8, where=depth > layer)

    return rows


class Toy(SearchSpace):
    """16 widths and 4 depths twice: 4,096 combinations, 2,176 of them valid."""

    name = "toy"
    title = "toy"
    source = "tests"

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        widths = tuple(range(8, 8 + 16 * 8, 8))
        self.choices = tuple(
            Choice(f"{s}.{f}", v) for s in ("a", "b") for f, v in (("width", widths), ("depth", (1, 2, 3, 4)))
        )
        self.stages = (
            Stage("a", (Part(("a.width", "a.depth"), _rows("a", None)),)),
            Stage(
                "b", (Part(("a.width", "b.width", "b.depth"), _rows("b", "a.width")),), True, ("a.width", "b.width"),
                lambda v: v["a.width"] <= v["b.width"],
            ),
        )  # fmt: skip

    def architecture(self, config: Any) -> Architecture:
        if set(config) != {c.name for c in self.choices}:
            raise SpaceError("toy: wrong keys")
        return Architecture.of(self.name, config, self.options)

    def decode(self, genome: Any) -> Architecture:
        return Architecture.of(self.name, dict(self.describe(self.check_genome(genome))), self.options)

    def encode(self, architecture: Architecture) -> Any:
        config = architecture.config
        try:
            return self.check_genome(np.array([c.values.index(config[c.name]) for c in self.choices]))
        except ValueError as error:
            raise SpaceError(str(error)) from None

    def operators(self, architecture: Architecture) -> OperatorTable:
        values = {k: np.array([v]) for k, v in architecture.config.items()}
        b = TableBuilder(1, ["a", "b"])
        for stage in self.stages:
            b.enter(stage.name)
            stage.parts[0].operators(b, values)
        return b.table()

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        c = architecture.config
        return [StageSummary(s, "convolution", c[f"{s}.depth"], c[f"{s}.width"], 8) for s in ("a", "b")]

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        return self.architecture(raw)

    def model(self, architecture: Architecture) -> Any:
        raise NotImplementedError

    def supernet(self) -> Any:
        raise NotImplementedError

    @property
    def published(self) -> dict[str, Architecture]:
        return {"small": self.decode(np.zeros(4, dtype=np.uint8))}
