"""The ``convnet`` space: staged CNNs of four families, in the structures that DeepMAD designs.

Shen et al., "DeepMAD: Mathematical Architecture Design for Deep Convolutional Neural Network", CVPR 2023. A network is
a 3x3 stem of stride 2, five stages, in the inverted families a 1x1 head convolution, and the classifier. ``family``
and ``img_size`` choose what is *searched*: every stage's width, inner width (or expansion ratio), kernel and depth on
the grid of ``grids``, at one resolution, with widths that never decrease. The grammar holds any structure of any
family, so every instance reads, prices and builds all published designs and whatever the solver hands back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.convnet import grammar, operators, released
from search_spaces.convnet.families import Conv, inverted
from search_spaces.convnet.grids import GRIDS, STEM_KERNEL, STEM_STRIDE, FamilyGrid
from search_spaces.errors import SpaceError
from search_spaces.operators import OperatorTable, TableBuilder, capacity
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values

if TYPE_CHECKING:
    from torch import nn


class ConvNet(SearchSpace):
    """See the module's docstring."""

    name: ClassVar[str] = "convnet"
    title: ClassVar[str] = "ConvNet: staged CNNs (residual bottleneck, basic, inverted residual, with SE), as DeepMAD's"
    source: ClassVar[str] = "Shen et al., CVPR 2023; skeletons of the released configurations, grid of our own"
    released_field: ClassVar[str] = "structure"
    rule_text: ClassVar[str] = "widths must not decrease from stage to stage"
    grids: ClassVar[Mapping[str, FamilyGrid]] = GRIDS
    """What is searched, by family; a subclass may search another grid in the same grammar."""

    def __init__(
        self, *, family: str = "resnet", num_classes: int = 1000, in_chans: int = 3, img_size: int = 224
    ) -> None:
        self.family = grammar.check_family(family)
        self.img_size = grammar.whole("img_size", img_size, 16, grammar.MAX_SIDE)
        self.options = {
            "num_classes": grammar.whole("num_classes", num_classes, 1, 1_000_000),
            "in_chans": grammar.whole("in_chans", in_chans, 1, 1_000_000),
        }
        self.grid = self.grids[self.family]
        self.inner = "expand" if inverted(self.family) else "bottleneck"
        self._chain = ("stem", *(f"S{i + 1}" for i in range(len(self.grid.stages))))
        self._sides = list(accumulate((STEM_STRIDE, *self.grid.strides), _half, initial=self.img_size))
        self.choices = tuple(self._choices())
        self.stages = (self._stem(), *(self._stage(i) for i in range(len(self.grid.stages))), *self._end())

    def _choices(self) -> list[Choice]:
        choices = [Choice("stem.width", self.grid.stem)]
        for name, stage in zip(self._chain[1:], self.grid.stages, strict=True):
            fields = zip(("width", self.inner, "kernel", "depth"), stage, strict=True)
            choices += [Choice(f"{name}.{field}", values) for field, values in fields]
        return choices + ([Choice("conv_head.width", self.grid.head)] if self.grid.head else [])

    # ---- stages: which genes, which rows ----------------------------------------------------------------------

    def _stem(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            self._stem_rows(b, v["stem.width"], self._sides[0])

        return Stage("stem", (Part(("stem.width",), rows),), self.grid.strides[0] == 2)

    def _stem_rows(
        self, b: TableBuilder, width: Any, side: int, kernel: int = STEM_KERNEL, stride: int = STEM_STRIDE
    ) -> None:
        operators.conv_norm(b, Conv(self.options["in_chans"], width, kernel, stride), side)

    def _stage(self, i: int) -> Stage:
        name, stride, side = self._chain[i + 1], self.grid.strides[i], self._sides[i + 1]
        before, width, inner, kernel, depth = (
            f"{self._chain[i]}.width", *(f"{name}.{field}" for field in ("width", self.inner, "kernel", "depth")),
        )  # fmt: skip

        def block(b: TableBuilder, v: Values, c_in: Any, edge: int, **more: Any) -> None:
            b_width = v[inner] * v[width] if inverted(self.family) else v[inner]
            operators.block(
                b, self.family, c_in=c_in, out=v[width], bottleneck=b_width, kernel=v[kernel], side=edge, **more
            )

        def first(b: TableBuilder, v: Values) -> None:
            block(b, v, v[before], side, stride=stride, first=True)

        def rest(b: TableBuilder, v: Values) -> None:
            for j in range(1, max(self.grid.stages[i].depth)):
                block(b, v, v[width], self._sides[i + 2], stride=1, first=False, where=v[depth] > j)

        following = (*self.grid.strides[i + 1 :], *((1,) if self.grid.head else (2,)))
        parts = Part((before, width, inner, kernel), first), Part((width, inner, kernel, depth), rest)
        return Stage(name, parts, following[0] == 2, (before, width), lambda v: v[before] <= v[width])

    def _end(self) -> list[Stage]:
        last, side = f"{self._chain[-1]}.width", self._sides[-1]
        width = "conv_head.width" if self.grid.head else last

        def conv_head(b: TableBuilder, v: Values) -> None:
            operators.conv_norm(b, Conv(v[last], v[width], 1), side)

        def head(b: TableBuilder, v: Values) -> None:
            operators.head(b, width=v[width], side=side, num_classes=self.options["num_classes"])

        stages = [Stage("conv_head", (Part((last, width), conv_head),))] if self.grid.head else []
        return [*stages, Stage("head", (Part((width,), head),), ends_scale=False)]

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """See :meth:`SearchSpace.architecture`; the grammar is that of ``convnet.grammar``.

        Without a ``family`` or a ``resolution`` the structure has this space's.
        """
        checked = grammar.check(config, family=self.family, resolution=self.img_size)
        return Architecture.of(self.name, checked, self.options)

    def checked(self, architecture: Architecture) -> dict[str, Any]:
        """The structure of an architecture of this space with these options. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.check(architecture.config)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """See :meth:`SearchSpace.decode`."""
        v = dict(self.describe(self.check_genome(genome)))
        stages = []
        for name, stride in zip(self._chain[1:], self.grid.strides, strict=True):
            width, inner = v[f"{name}.width"], v[f"{name}.{self.inner}"]
            stages.append({
                "out": width, "bottleneck": inner * width if inverted(self.family) else inner,
                "kernel": v[f"{name}.kernel"], "depth": v[f"{name}.depth"], "stride": stride,
            })  # fmt: skip
        stem = {"out": v["stem.width"], "kernel": STEM_KERNEL, "stride": STEM_STRIDE}
        head = {"out": v["conv_head.width"], "kernel": 1, "stride": 1} if self.grid.head else None
        config = {"family": self.family, "resolution": self.img_size, "stem": stem, "stages": stages, "head": head}
        return Architecture.of(self.name, config, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        config = self.checked(architecture)
        self._check_skeleton(config)
        wanted = {"stem.width": config["stem"]["out"]}
        for name, stage in zip(self._chain[1:], config["stages"], strict=True):
            ratio, remainder = divmod(stage["bottleneck"], stage["out"])
            if inverted(self.family) and remainder:
                raise SpaceError(f"convnet: {name}.bottleneck must be a multiple of {stage['out']} on the grid")
            wanted |= {f"{name}.{field}": stage[field] for field in ("kernel", "depth")}
            wanted |= {f"{name}.width": stage["out"], f"{name}.expand": ratio, f"{name}.bottleneck": stage["bottleneck"]}
        if config["head"]:
            wanted["conv_head.width"] = config["head"]["out"]
        for choice in self.choices:
            if wanted[choice.name] not in choice.values:
                raise SpaceError(f"convnet: {choice.name} must be one of {choice.values}, got {wanted[choice.name]}")
        return self.check_genome(np.array([c.values.index(wanted[c.name]) for c in self.choices]))

    def _check_skeleton(self, config: dict[str, Any]) -> None:
        """What the genes cannot say: family, resolution, stem, strides and whether there is a 1x1 head."""
        stem = (STEM_KERNEL, STEM_STRIDE)
        for what, got, fixed in (
            ("family", config["family"], self.family), ("resolution", config["resolution"], self.img_size),
            ("kernel and stride of the stem", (config["stem"]["kernel"], config["stem"]["stride"]), stem),
            ("strides", tuple(s["stride"] for s in config["stages"]), self.grid.strides),
            ("a 1x1 head", bool(config["head"]), bool(self.grid.head)),
        ):  # fmt: skip
            if got != fixed:
                raise SpaceError(f"convnet: the searched grid has {what} = {fixed}, got {got}")

    def repair(self, genomes: Genomes) -> Genomes:
        """Raise each width to the first choice not below the stage before it."""
        fixed = genomes.copy()
        for before, after in pairwise(self._chain):
            i, j = self.gene_index[f"{before}.width"], self.gene_index[f"{after}.width"]
            least = np.searchsorted(self.choices[j].values, self.choices[i].values).clip(max=self.cardinalities[j] - 1)
            fixed[:, j] = np.maximum(fixed[:, j], least[fixed[:, i]])
        return fixed

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`; stages are ``grammar.stage_names``."""
        config = self.checked(architecture)
        b = TableBuilder(1, grammar.stage_names(config))
        stem, side = config["stem"], config["resolution"]
        b.enter("stem")
        self._stem_rows(b, stem["out"], side, stem["kernel"], stem["stride"])
        side, width = _half(side, stem["stride"]), stem["out"]
        for name, stage in zip(b.stages[1:], config["stages"], strict=False):
            b.enter(name)
            shape = {"out": stage["out"], "bottleneck": stage["bottleneck"], "kernel": stage["kernel"]}
            for i in range(stage["depth"]):
                stride = 1 if i else stage["stride"]
                operators.block(
                    b, config["family"], c_in=width, stride=stride, side=side, first=i == 0, **shape
                )  # fmt: skip
                side, width = _half(side, stride), stage["out"]
        if config["head"]:
            b.enter("conv_head")
            operators.conv_norm(b, Conv(width, config["head"]["out"], 1), side)
            width = config["head"]["out"]
        b.enter("head")
        operators.head(b, width=width, side=side, num_classes=self.options["num_classes"])
        return b.table()

    def price_architecture(self, architecture: Architecture) -> dict[str, int | float]:
        """See :meth:`SearchSpace.price_architecture`; scales end where this architecture's strides say."""
        table, ends = self.operators(architecture), grammar.ends_scale(architecture.config)
        stages = [table.select(table["stage"] == i) for i in range(len(table.stages))]
        entropy = np.array([[s.entropy[0] for s in stages]])
        volume = np.array([[float(s.volume[0]) for s in stages]])
        return {
            "macs": int(table.macs[0]), "params": int(table.params[0]), "activations": int(table.activations[0]),
            "memory": int(table.memory_bytes[0]), "capacity": float(capacity(entropy, volume, ends)[0]),
        }  # fmt: skip

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        config = architecture.config
        stem, end = config["stem"], config["head"]
        side = _half(config["resolution"], stem["stride"])
        rows = [StageSummary("stem", "convolution", 1, stem["out"], side, f"kernel {stem['kernel']}")]
        for i, stage in enumerate(config["stages"], start=1):
            side = _half(side, stage["stride"])
            detail = f"bottleneck {stage['bottleneck']}, kernel {stage['kernel']}"
            rows.append(StageSummary(f"S{i}", "convolution", stage["depth"], stage["out"], side, detail))
        if end:
            rows.append(StageSummary("conv_head", "convolution", 1, end["out"], side, "kernel 1"))
        return [*rows, StageSummary("head", "head", 1, rows[-1].width, 1, f"{self.options['num_classes']} classes")]

    # ---- published networks -----------------------------------------------------------------------------------

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """See :meth:`SearchSpace.from_released`; the field is ``structure``, described in ``convnet.released``."""
        return Architecture.of(self.name, released.read(raw, resolution), self.options)

    def paper_count(self, architecture: Architecture) -> int | None:
        """FLOPs by the released counter, ``convnet.released.paper_flops``."""
        return released.paper_flops(self.operators(architecture))

    def paper_params(self, architecture: Architecture) -> int | None:
        """Parameters without the classifier, ``convnet.released.paper_params``."""
        return released.paper_params(self.operators(architecture))

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """The structures in DeepMAD's repository: its own designs and its relatives' (Zen R18-like .., MAE-DET)."""
        text = files("search_spaces.convnet").joinpath("published.json").read_text()
        return {name: self.from_released(raw) for name, raw in json.loads(text).items()}

    # ---- modules ----------------------------------------------------------------------------------------------

    def model(self, architecture: Architecture) -> nn.Module:
        """See :meth:`SearchSpace.model`."""
        from search_spaces.convnet.model import ConvNetModel

        return ConvNetModel(self.checked(architecture), **self.options)

    def supernet(self) -> nn.Module:
        """See :meth:`SearchSpace.supernet`."""
        from search_spaces.convnet.supernet import ConvNetSupernet

        return ConvNetSupernet(self)


def _half(side: int, stride: int) -> int:
    return int(operators.half(side, stride))
