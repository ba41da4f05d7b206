"""SortedNet: a network turned into nested sub-models along width, depth and heads (Valipour et al., 2023).

Sub-models share their parameters and keep the *first* units along every dimension, so one checkpoint truncates to any
of them and none has to be searched for: larger is better by construction. ``model`` is any timm network that torch.fx
can trace, by name (``resnet18``, ``vit_tiny_patch16_224?depth=6``), or the import path of a function that returns a
module of your own (``mynets:make_net``, see ``own``); a module that you hold comes through
:meth:`SortedNet.from_module`. Which channels must be cut together is read off the graph (``rules``); where an operator
mixes channels in a way that truncation would break, they are kept whole. See ``grid`` for the sub-models.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.operators import Kind, OperatorTable, Role, TableBuilder
from search_spaces.sorted_net import grammar
from search_spaces.sorted_net.grammar import CHECK, GENES
from search_spaces.sorted_net.grid import make_grid
from search_spaces.sorted_net.sizes import Size
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values

if TYPE_CHECKING:
    from torch import nn

MAX_SUBMODELS = 160
"""The paper's headline."""


class SortedNet(SearchSpace):
    """See the module's docstring. ``submodels`` is at most 160, ``smallest`` the smallest share kept of a dimension."""

    name: ClassVar[str] = "sorted_net"
    title: ClassVar[str] = "SortedNet: nested sub-models of any network along width, depth and heads"
    source: ClassVar[str] = "Valipour et al., 2023 (arXiv 2309.00255); the grid of sub-models is ours"
    released_field: ClassVar[str] = "submodel"
    of_models: ClassVar[bool] = True
    options_text: ClassVar[str] = (
        "model is a timm network (resnet18, vit_tiny_patch16_224?depth=6) or a function of yours that returns a module "
        "of standard layers, by its import path (mynets:make_net, of mynets.py in the current directory); it is called "
        "with num_classes, in_chans and img_size where it takes them"
    )
    rule_text: ClassVar[str] = "no rule"

    def __init__(
        self, *, model: str = "resnet18", submodels: int = MAX_SUBMODELS, smallest: float = 0.5,
        num_classes: int = 1000, in_chans: int = 3, img_size: int = 224,
    ) -> None:  # fmt: skip
        from search_spaces.sorted_net.own import canonical

        model = canonical(model, img_size)
        self._begin(None, model, submodels, smallest, (num_classes, in_chans, img_size))

    @classmethod
    def from_module(
        cls, module: nn.Module, input_size: tuple[int, int, int], *, submodels: int = MAX_SUBMODELS,
        smallest: float = 0.5,
    ) -> SortedNet:  # fmt: skip
        """The space of a module of your own, with its weights; ``input_size`` is (channels, side, side) of one image.

        It must map images (B, channels, side, side) to logits (B, classes). Its architectures are read back by a space
        of the same module only; what a job trains is named by an import path (``model="mynets:make_net"``).
        Raises SpaceError where it cannot be traced or nested.
        """
        from search_spaces.sorted_net.own import classes_of, fingerprint

        channels, height, width = input_size
        if height != width:
            raise SpaceError(f"sorted_net: images must be square, got {height} x {width}")
        name = f"module:{type(module).__name__}:{fingerprint(module)}"
        space = cls.__new__(cls)
        options = (classes_of(module, input_size), channels, height)
        space._begin(copy.deepcopy(module), name, submodels, smallest, options)
        return space

    def _begin(
        self, module: nn.Module | None, model: str, submodels: int, smallest: float, options: tuple[int, int, int]
    ) -> None:
        from search_spaces.sorted_net.network import Network, named_network

        self._module = module
        self.options = {
            "model": model, "submodels": CHECK.whole("submodels", submodels, 2, MAX_SUBMODELS),
            "smallest": CHECK.number("smallest", smallest, 0.05, 1.0),
            "num_classes": CHECK.whole("num_classes", options[0], 1, grammar.MAX_OPTION),
            "in_chans": CHECK.whole("in_chans", options[1], 1, 1_000),
            "img_size": CHECK.whole("img_size", options[2], 1, 4096),
        }  # fmt: skip
        size = (options[1], options[2], options[2])
        self.network = named_network(model, *options) if module is None else Network(model, module, size)
        self.extent = self.network.nest.extent
        self.grid = make_grid(self.extent, submodels, smallest)
        self.network.check(Size(self.grid.widths[0], self.grid.heads[0], self.grid.depths[0]))
        blocks = [sum(d) + sum(run.before for run in self.extent.runs) for d in self.grid.depths]
        self.choices = (
            Choice("width", tuple(range(1, len(self.grid.widths) + 1))),
            Choice("depth", tuple(blocks) if self.extent.runs else (1,)),
            Choice("heads", tuple(range(1, len(self.grid.heads) + 1))),
        )
        whole = self.network.table(self.extent.full)
        ends = _scale_ends(whole)
        self.stages = tuple(self._stage(name, ends.get(name, False)) for name in whole.stages)

    def _stage(self, name: str, ends_scale: bool) -> Stage:
        def add(builder: TableBuilder, values: Values) -> None:
            for arch in range(builder.size):
                table = self._table(*(self._level(gene, int(values[gene][arch])) for gene in GENES))
                if name in table.stages:
                    builder.append(arch, table.select(table["stage"] == table.stages.index(name)))

        return Stage(name, (Part(GENES, add),), ends_scale)

    def _level(self, gene: str, value: int) -> int:
        return self.choices[self.gene_index[gene]].values.index(value)

    def _table(self, width: int, depth: int, heads: int) -> OperatorTable:
        key = (width, depth, heads)
        if key not in self._tables:
            self._tables[key] = self.network.table(self._size(*key))
        return self._tables[key]

    @cached_property
    def _tables(self) -> dict[tuple[int, int, int], OperatorTable]:
        return {}

    @cached_property
    def size(self) -> int:
        """Number of sub-models: every combination is one."""
        return len(self.grid)

    def _size(self, width: int, depth: int, heads: int) -> Size:
        return Size(self.grid.widths[width], self.grid.heads[heads], self.grid.depths[depth])

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """``{"widths": [...], "heads": [...], "depths": [...]}``: any sub-model, on the grid or not."""
        return Architecture.of(self.name, grammar.check(config, self.extent), self.options)

    def size_of(self, architecture: Architecture) -> Size:
        """The size of a sub-model of this space. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.size_of(architecture.config, self.extent)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        return self.architecture(grammar.config_of(self._size(*self.check_genome(genome).tolist())))

    def encode(self, architecture: Architecture) -> Genomes:
        size = self.size_of(architecture)
        try:
            places = (
                self.grid.widths.index(size.widths), self.grid.depths.index(size.depths),
                self.grid.heads.index(size.heads),
            )  # fmt: skip
        except ValueError:
            raise SpaceError(f"architecture {architecture.id} is no sub-model of this {self.name}'s grid") from None
        return np.array(places, dtype=np.uint8)

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """``{"width": 1, "depth": 8, "heads": 1}``, values of the genes: nothing was released, so this is ours."""
        given = CHECK.fields("a sub-model", raw, GENES)
        for gene, choice in zip(GENES, self.choices, strict=True):
            if isinstance(given[gene], bool) or given[gene] not in choice.values:
                raise CHECK.fail(gene, f"one of {', '.join(map(str, choice.values))}", given[gene])
        return self.decode(np.array([self._level(gene, given[gene]) for gene in GENES]))

    # ---- what follows from a size -----------------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        return self.network.table(self.size_of(architecture))

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        return [s for name, part in self.operators(architecture).by_stage() if (s := _summary(name, part))]

    def model(self, architecture: Architecture) -> nn.Module:
        """The sub-model as a plain module: of a timm name freshly initialised, of your own module its first units."""
        from search_spaces.sorted_net.nest import own_units

        return self.network.nest.build(self._whole(), self.size_of(architecture), own_units)

    def supernet(self) -> nn.Module:
        """The whole network, of a timm name freshly initialised; ``full`` takes timm's own checkpoints."""
        from search_spaces.sorted_net.supernet import NestedNet

        return NestedNet(self._whole(), self.network.nest)

    def _whole(self) -> nn.Module:
        from search_spaces.sorted_net.names import create
        from search_spaces.sorted_net.network import shaped_as_timm

        options = {key: self.options[key] for key in ("num_classes", "in_chans", "img_size")}
        module = create(self.options["model"], **options) if self._module is None else copy.deepcopy(self._module)
        return shaped_as_timm(module, **options)  # type: ignore[no-any-return]

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """None: the paper's sub-models are not known."""
        return {}


def _main(table: OperatorTable) -> NDArray[np.intp]:
    return np.flatnonzero((table["role"] == Role.MAIN) & np.isin(table["kind"], (Kind.CONV, Kind.LINEAR)))


def _scale_ends(table: OperatorTable) -> dict[str, bool]:
    """Which stages end a scale: those with layers whose map is smaller in the next such stage, and the last."""
    areas = [
        (name, int(part["h_out"][rows[-1]] * part["w_out"][rows[-1]]))
        for name, part in table.by_stage() if len(rows := _main(part))
    ]  # fmt: skip
    following = [area for _, area in areas[1:]] + [0]
    return {name: after < area for (name, area), after in zip(areas, following, strict=True)}


def _summary(name: str, part: OperatorTable) -> StageSummary | None:
    rows = np.flatnonzero(np.isin(part["kind"], (Kind.CONV, Kind.LINEAR)))
    if not len(rows):
        return None
    last, head = rows[-1], not len(_main(part))
    kind = "transformer" if (part["kind"] == Kind.MATMUL).any() else "head" if head else "convolution"
    positions = int(part["h_out"][last] * part["w_out"][last])
    return StageSummary(name, kind, len(rows), int(part["c_out"][last]), isqrt(positions), f"{len(rows)} layers")
