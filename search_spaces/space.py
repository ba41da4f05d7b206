"""SearchSpace: the choices of a published family, its operator tables, its populations.

A space is a chain of stages. Each stage names the genes it depends on, computes its operator rows from their values,
and may rule out some combinations. From that alone follow pricing by look-up (``pricing.py``), exact counting, exact
bounds and sampling within budgets (``counting.py``), and the codec here.

A *genome* is a row of small integers, ``genome[g]`` indexing ``choices[g].values``; a population is a uint8 array of
shape (N, G). Random generators are always passed in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.operators import IntArray, OperatorTable, TableBuilder, capacity

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.counting import Interval
    from search_spaces.pricing import Cost, PriceTable

Genomes = NDArray[np.uint8]
Values = Mapping[str, IntArray]
"""Choice values of many architectures by gene name, each of shape (N,)."""


@dataclass(frozen=True)
class Choice:
    """One decision: its name and its values, in order. A value is an integer wherever it has a size."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Rows of a stage that depend on ``genes`` only; ``operators(builder, values)`` adds them to the builder."""

    genes: tuple[str, ...]
    operators: Callable[[TableBuilder, Values], None]


@dataclass(frozen=True)
class Stage:
    """A stage: its parts in execution order, and optionally which combinations of ``rule_genes`` are valid."""

    name: str
    parts: tuple[Part, ...]
    ends_scale: bool = True
    rule_genes: tuple[str, ...] = ()
    rule: Callable[[Values], NDArray[np.bool_]] | None = None

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene the stage depends on, each once."""
        return tuple(dict.fromkeys(g for genes in (*(p.genes for p in self.parts), self.rule_genes) for g in genes))


@dataclass(frozen=True)
class StageSummary:
    """A stage as people speak of it: ``kind`` is convolution, transformer or head; ``side`` its output map's edge."""

    name: str
    kind: str
    depth: int
    width: int
    side: int
    detail: str = ""


class SearchSpace(ABC):
    """A published space. Subclasses give the choices, stages, grammar and model; everything else follows.

    ``options`` (such as ``num_classes``) are part of every architecture's id. See ``search_spaces.testing`` for the
    contract that a new space must pass.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    released_field: ClassVar[str]
    """Key of the released encoding (see :meth:`from_released`) in files of published architectures."""

    choices: tuple[Choice, ...]
    stages: tuple[Stage, ...]
    options: dict[str, Any]

    # ---- what a family defines -------------------------------------------------------------------------------

    @abstractmethod
    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """Check ``config`` against the family's grammar and return it as a value. Raises SpaceError."""

    @abstractmethod
    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """The architecture of one genome, shape (G,). Raises SpaceError where the genome is not valid."""

    @abstractmethod
    def encode(self, architecture: Architecture) -> Genomes:
        """The genome, shape (G,), of an architecture on the grid. Raises SpaceError where it is not on it."""

    @abstractmethod
    def operators(self, architecture: Architecture) -> OperatorTable:
        """The table (size 1) of any architecture of the grammar, on the grid or not."""

    @abstractmethod
    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """The stages of an architecture, named as in :attr:`stages`, for drawings and tables."""

    @abstractmethod
    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """Read the released encoding of the space's paper."""

    @abstractmethod
    def model(self, architecture: Architecture) -> nn.Module:
        """A timm-shaped PyTorch module with fresh weights."""

    @abstractmethod
    def supernet(self) -> nn.Module:
        """The space at full size, with ``activate(architecture)`` and ``extract(architecture)``."""

    @property
    @abstractmethod
    def published(self) -> Mapping[str, Architecture]:
        """The published networks by name."""

    def paper_count(self, architecture: Architecture) -> int | None:
        """MACs as the paper counts them, where that differs from ours; used only to check published figures."""
        return None

    def paper_params(self, architecture: Architecture) -> int | None:
        """Parameters as the paper counts them, where that differs from ours."""
        return None

    def repair(self, genomes: Genomes) -> Genomes:
        """Make genomes valid where a simple rule can; may leave some invalid."""
        return genomes

    # ---- codec -----------------------------------------------------------------------------------------------

    @cached_property
    def cardinalities(self) -> IntArray:
        """Number of values of each choice, shape (G,)."""
        return np.array([len(c.values) for c in self.choices], dtype=np.int64)

    @cached_property
    def gene_index(self) -> dict[str, int]:
        """Position of each gene in a genome."""
        return {c.name: i for i, c in enumerate(self.choices)}

    def values(self, genomes: NDArray[np.integer[Any]]) -> dict[str, IntArray]:
        """Choice values by gene name, each of shape (N,)."""
        return {c.name: np.asarray(c.values, dtype=np.int64)[genomes[:, i]] for i, c in enumerate(self.choices)}

    def contains(self, architecture: Architecture) -> bool:
        """Whether the architecture lies on the searched grid, with this space's options."""
        try:
            self.encode(architecture)
        except SpaceError:
            return False
        return True

    def check_genome(self, genome: NDArray[np.integer[Any]]) -> Genomes:
        """The genome as uint8 if it is valid, else SpaceError."""
        g = np.asarray(genome)
        if g.shape != (len(self.choices),):
            raise SpaceError(f"a genome of {self.name} has {len(self.choices)} genes, got shape {g.shape}")
        for value, choice in zip(g.tolist(), self.choices, strict=True):
            if not 0 <= value < len(choice.values):
                raise SpaceError(f"gene {choice.name!r} must be in 0..{len(choice.values) - 1}, got {value}")
        g = g.astype(np.uint8)
        if not self.valid(g[None])[0]:
            raise SpaceError(f"genome {g.tolist()} breaks a rule of {self.name} ({self.rule_text})")
        return g

    rule_text: ClassVar[str] = "no rule"
    of_models: ClassVar[bool] = False
    """Whether the space is made of networks that the user names; a list of spaces does not build them."""
    options_text: ClassVar[str] = ""
    """What a newcomer must know of the options beyond their names."""
    ordered: ClassVar[bool] = True
    """Whether the values of every choice go from small networks to large ones."""

    def check_options(self, architecture: Architecture) -> None:
        """SpaceError unless the architecture belongs to this space with these options."""
        if architecture.space != self.name:
            raise SpaceError(f"architecture {architecture.id} is of space {architecture.space!r}, not {self.name!r}")
        if architecture.options != self.options:
            raise SpaceError(f"architecture {architecture.id} has options {architecture.options}, not {self.options}")

    # ---- prices ----------------------------------------------------------------------------------------------

    @cached_property
    def costs(self) -> dict[str, Cost]:
        """Additive quantities from outside, by name; see :meth:`attach`."""
        return {}

    def attach(self, *costs: Cost) -> None:
        """Price ``costs`` too from now on, exactly as the space's own quantities: bounds, budgets and sampling work."""
        self.costs.update({c.name: c for c in costs})
        for derived in ("prices", "steps", "_bounds", "_samplers"):
            self.__dict__.pop(derived, None)

    @property
    def additive(self) -> tuple[str, ...]:
        """Quantities that are sums over operators."""
        from search_spaces.pricing import ADDITIVE

        return (*ADDITIVE, *self.costs)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Everything :meth:`price` knows."""
        from search_spaces.pricing import QUANTITIES

        return (*QUANTITIES, *self.costs)

    def amount(self, quantity: str, value: float) -> str:
        """A value of a quantity as people read it: ``38,286,208``, ``2.78 ms``."""
        cost = self.costs.get(quantity)
        return f"{value:,.0f}" if cost is None else f"{value / cost.scale:.4g} {cost.unit}"

    @cached_property
    def prices(self) -> PriceTable:
        """The per-stage look-ups, compiled on first use by running the operator table over local choices."""
        from search_spaces.pricing import PriceTable

        return PriceTable.compile(self)

    def price(self, genomes: Genomes, quantities: Sequence[str] = ("macs", "params")) -> dict[str, NDArray[Any]]:
        """Quantities of a population, each of shape (N,).

        ``macs``, ``params``, ``activations`` (elements), ``memory`` (bytes) and attached costs are int64; ``capacity``
        is float64.
        Invalid genomes are priced like any other.
        """
        return self.prices(genomes, quantities)

    def price_architecture(self, architecture: Architecture) -> dict[str, int | float]:
        """All quantities of one architecture of the grammar, from its materialised table."""
        table = self.operators(architecture)
        by_stage = dict(table.by_stage())
        entropy = np.array([[by_stage[s.name].entropy[0] if s.name in by_stage else 0.0 for s in self.stages]])
        volume = np.array([[by_stage[s.name].volume[0] if s.name in by_stage else 0.0 for s in self.stages]])
        return {
            "macs": int(table.macs[0]),
            "params": int(table.params[0]),
            "activations": int(table.activations[0]),
            "memory": int(table.memory_bytes[0]),
            "capacity": float(capacity(entropy, volume.astype(float), [s.ends_scale for s in self.stages])[0]),
            **{name: int(cost.price(table)[0]) for name, cost in self.costs.items()},
        }

    # ---- populations -----------------------------------------------------------------------------------------

    def valid(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Which genomes obey the rules of the space, shape (N,)."""
        return self.prices.valid(genomes)

    def sample(self, n: int, rng: np.random.Generator) -> Genomes:
        """``n`` genomes, uniform over the *valid* architectures, shape (n, G)."""
        found = np.zeros((0, len(self.choices)), dtype=np.uint8)
        while len(found) < n:
            draw = rng.integers(0, self.cardinalities, size=(2 * (n - len(found)) + 8, len(self.choices)))
            genomes = draw.astype(np.uint8)
            found = np.concatenate([found, genomes[self.valid(genomes)]])
        return found[:n]

    def sample_within(self, n: int, rng: np.random.Generator, budget: Mapping[str, Interval]) -> Genomes:
        """``n`` genomes, uniform over the valid architectures whose quantities lie in ``budget``.

        Works for thin slices too: proposals come from an exact dynamic programme over the stages, and rejection then
        only corrects its rounding. Raises BudgetInfeasible if the slice is, or seems, empty.
        """
        return self.budgeted(budget).sample(n, rng)

    def budgeted(self, budget: Mapping[str, Interval]) -> Any:
        """A sampler over the architectures within ``budget`` (cached: the dynamic programme is built once)."""
        from search_spaces.budgeted import BudgetedSampler

        key = tuple(sorted((name, (i.low, i.high)) for name, i in budget.items()))
        if key not in self._samplers:
            self._samplers[key] = BudgetedSampler(self, budget)
        return self._samplers[key]

    @cached_property
    def _samplers(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def steps(self) -> list[Any]:
        """The stages as a chain for dynamic programming (``counting.Step``), built once."""
        from search_spaces.counting import steps

        return steps(self)

    @cached_property
    def total_size(self) -> int:
        """Product of the choices, rules ignored."""
        return int(np.prod(self.cardinalities.astype(object)))

    @cached_property
    def size(self) -> int:
        """Number of valid architectures, exact."""
        from search_spaces.counting import count

        return count(self)

    def bounds(self, quantity: str) -> tuple[int, int]:
        """Exact smallest and largest value over the valid architectures."""
        from search_spaces.counting import bounds

        if quantity not in self._bounds:
            self._bounds[quantity] = bounds(self, quantity)
        return self._bounds[quantity]

    @cached_property
    def _bounds(self) -> dict[str, tuple[int, int]]:
        return {}

    def enumerate(self, limit: int = 100_000) -> Genomes:
        """Every valid genome, shape (size, G), for spaces of at most ``limit`` combinations."""
        if self.total_size > limit:
            raise SpaceError(f"{self.name} has {self.total_size:,} combinations; only up to {limit:,} are enumerated")
        grids = np.meshgrid(*[np.arange(c, dtype=np.uint8) for c in self.cardinalities], indexing="ij")
        genomes = np.stack([g.ravel() for g in grids], axis=1)
        return genomes[self.valid(genomes)]

    def mutate(self, genomes: Genomes, rng: np.random.Generator, rate: float | None = None) -> Genomes:
        """Redraw each gene with probability ``rate`` (default 1/G), at least one gene each; valid in, valid out."""
        n, g = genomes.shape
        flips = rng.random((n, g)) < (rate if rate is not None else 1.0 / g)
        flips[np.arange(n), rng.integers(0, g, n)] = True
        fresh = rng.integers(0, self.cardinalities, size=(n, g))
        return self._settle(np.where(flips, fresh, genomes).astype(np.uint8), genomes)

    def step(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Move one or two genes of each genome to a neighbouring choice; valid in, valid out."""
        n, g = genomes.shape
        moved = genomes.astype(np.int64)
        rows = np.arange(n)
        for repeat in (np.ones(n, dtype=bool), rng.random(n) < 0.5):
            gene, sign = rng.integers(0, g, n), rng.choice([-1, 1], n)
            moved[rows, gene] += np.where(repeat, sign, 0)
        clipped = np.clip(moved, 0, self.cardinalities - 1).astype(np.uint8)
        return self._settle(clipped, genomes)

    def crossover(self, a: Genomes, b: Genomes, rng: np.random.Generator) -> Genomes:
        """Uniform crossover: each gene from either parent; valid in, valid out."""
        return self._settle(np.where(rng.random(a.shape) < 0.5, a, b).astype(np.uint8), a)

    def _settle(self, children: Genomes, parents: Genomes) -> Genomes:
        """Repair children; those that stay invalid become their parents again."""
        children = self.repair(children)
        return np.where(self.valid(children)[:, None], children, parents)

    def describe(self, genome: NDArray[np.integer[Any]]) -> Iterator[tuple[str, int]]:
        """(gene, value) pairs of one genome."""
        return ((c.name, c.values[int(v)]) for c, v in zip(self.choices, genome, strict=True))
