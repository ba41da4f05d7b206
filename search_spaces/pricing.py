"""Pricing by look-up: the operator table, run once over the local choices of each stage.

An operator row depends on a few genes only. So every quantity is tabulated per stage over the combinations of the
genes the stage depends on, and a population is priced by one gather per stage. Nobody writes a closed form by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.operators import FloatArray, IntArray, OperatorTable, TableBuilder, capacity

if TYPE_CHECKING:
    from search_spaces.space import Genomes, Part, SearchSpace, Stage

ADDITIVE = ("macs", "params", "activations")
QUANTITIES = (*ADDITIVE, "memory", "capacity")
CHUNK = 16_384
"""Genomes priced at a time: the working set stays in the processor's cache."""


@dataclass(frozen=True)
class Cost:
    """An additive quantity that comes from outside the space, such as the latency on a device.

    ``price`` maps a batched table to one whole number per architecture, int64 of shape (size,): whole numbers keep
    counts, bounds and fronts exact. The cost of an architecture is the sum over its parts. A value divided by
    ``scale`` is in ``unit``. See :meth:`SearchSpace.attach`.
    """

    name: str
    price: Callable[[OperatorTable], IntArray]
    unit: str = ""
    scale: float = 1.0


@dataclass(frozen=True)
class StageTable:
    """Look-ups of one stage over all combinations of its genes, in C order; arrays of shape (combinations,)."""

    genes: tuple[int, ...]
    shape: tuple[int, ...]
    additive: Mapping[str, IntArray]  # macs, params, activations and the attached costs
    memory: IntArray
    entropy: FloatArray
    volume: FloatArray
    valid: NDArray[np.bool_]


def _grid(shape: Sequence[int]) -> list[IntArray]:
    """Index arrays, each of shape (product,), of every combination in C order."""
    return [g.ravel() for g in np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")]


def _local_values(space: SearchSpace, genes: Sequence[str]) -> dict[str, IntArray]:
    choices = [space.choices[space.gene_index[g]] for g in genes]
    grid = _grid([len(c.values) for c in choices])
    return {c.name: np.asarray(c.values, dtype=np.int64)[i] for c, i in zip(choices, grid, strict=True)}


def part_table(space: SearchSpace, stage: Stage, part: Part) -> OperatorTable:
    """The operator table of one part over every combination of its genes, in C order."""
    values = _local_values(space, part.genes)
    size = len(next(iter(values.values()))) if values else 1
    builder = TableBuilder(size, [s.name for s in space.stages])
    builder.enter(stage.name)
    part.operators(builder, values)
    return builder.table()


def _compile_stage(space: SearchSpace, stage: Stage) -> StageTable:
    genes = stage.genes
    shape = tuple(len(space.choices[space.gene_index[g]].values) for g in genes)
    grid = dict(zip(genes, _grid(shape), strict=True))
    size = int(np.prod(shape))
    additive = {q: np.zeros(size, dtype=np.int64) for q in space.additive}
    memory, volume, entropy = np.zeros(size, dtype=np.int64), np.zeros(size), np.zeros(size)
    for part in stage.parts:
        table = part_table(space, stage, part)
        local = [len(space.choices[space.gene_index[g]].values) for g in part.genes]
        index = np.ravel_multi_index([grid[g] for g in part.genes], local) if local else np.zeros(size, dtype=int)
        for quantity, values in _additive_of(table, space).items():
            additive[quantity] += values[index]
        memory = np.maximum(memory, table.memory_bytes[index])
        entropy += table.entropy[index]
        volume = np.where(table.volume[index] > 0, table.volume[index], volume)
    valid = np.ones(size, dtype=bool)
    if stage.rule is not None:
        valid &= stage.rule({g: v for g, v in _local_values(space, genes).items() if g in stage.rule_genes})
    return StageTable(tuple(space.gene_index[g] for g in genes), shape, additive, memory, entropy, volume, valid)


def _additive_of(table: OperatorTable, space: SearchSpace) -> dict[str, IntArray]:
    known = {q: getattr(table, q) for q in ADDITIVE}
    return known | {c.name: np.asarray(c.price(table), dtype=np.int64) for c in space.costs.values()}


class PriceTable:
    """All look-ups of a space. Calling it prices a population; see :meth:`SearchSpace.price`."""

    def __init__(self, stages: Sequence[StageTable], ends_scale: Sequence[bool], genes: int) -> None:
        self.stages = tuple(stages)
        self.ends_scale = tuple(ends_scale)
        sizes = [len(s.memory) for s in stages]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.float32)
        self._radix = np.zeros((genes, len(stages)), dtype=np.float32)
        for column, stage in enumerate(stages):
            strides = np.cumprod([1, *stage.shape[::-1]])[:-1][::-1]
            self._radix[list(stage.genes), column] = strides
        if sum(sizes) >= 2**24:  # float32 counts exactly up to here
            raise ValueError(f"{sum(sizes):,} look-up entries; split the largest stage")
        self._additive = {q: np.concatenate([s.additive[q] for s in stages]) for q in stages[0].additive}
        self._memory = np.concatenate([s.memory for s in stages])
        self._entropy = np.concatenate([s.entropy for s in stages])
        self._volume = np.concatenate([s.volume for s in stages])
        self._valid = np.concatenate([s.valid for s in stages])

    @classmethod
    def compile(cls, space: SearchSpace) -> PriceTable:
        """Run the operator table over the local choices of every stage of ``space``."""
        tables = [_compile_stage(space, stage) for stage in space.stages]
        return cls(tables, [s.ends_scale for s in space.stages], len(space.choices))

    def _index(self, genomes: Genomes) -> NDArray[np.int32]:
        """Look-up positions, shape (N, stages): a mixed-radix number per stage, by one (exact) float32 product."""
        return (genomes.astype(np.float32) @ self._radix + self._offsets).astype(np.int32)

    def valid(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Which genomes obey every stage's rule, shape (N,)."""
        return np.asarray(self._valid[self._index(genomes)].all(axis=1))

    def __call__(self, genomes: Genomes, quantities: Sequence[str]) -> dict[str, NDArray[Any]]:
        """See :meth:`SearchSpace.price`."""
        out: dict[str, NDArray[Any]] = {
            q: np.empty(len(genomes), dtype=float if q == "capacity" else np.int64) for q in quantities
        }
        for start in range(0, len(genomes), CHUNK):
            index = self._index(genomes[start : start + CHUNK])
            for quantity in quantities:
                out[quantity][start : start + CHUNK] = self._quantity(quantity, index)
        return out

    def _quantity(self, quantity: str, index: NDArray[np.int32]) -> NDArray[Any]:
        if quantity in self._additive:
            values = self._additive[quantity]
            total = values[index[:, 0]]
            for column in range(1, index.shape[1]):
                total += values[index[:, column]]
            return total
        if quantity == "memory":
            return self._memory[index].max(axis=1)
        if quantity == "capacity":
            return capacity(self._entropy[index], self._volume[index], self.ends_scale)
        known = (*self._additive, "memory", "capacity")
        raise ValueError(f"unknown quantity {quantity!r} (known: {', '.join(known)})")
