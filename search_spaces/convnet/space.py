"""The ``convnet`` space: staged CNNs of four families, in the structures that DeepMAD designs.

Shen et al., "DeepMAD: Mathematical Architecture Design for Deep Convolutional Neural Network", CVPR 2023. A network is
a 3x3 stem of stride 2, stages, in the inverted families a 1x1 head convolution, and the classifier.

``family`` and ``img_size`` choose what is *searched*, the grid of ``grids``: five stages (strides 2, 2, 2, 1, 2 in the
residual families, 2, 2, 2, 2, 1 in the inverted ones), each with a width, an inner width b (or its ratio to the width,
2 to 6), a kernel (3, 5; 7 too in the inverted families) and a depth (up to 3 or 4 in the first stage, 16 in the last
of ``resnet``, 6 to 12 elsewhere), widths in coarse multiples of 8 that never decrease: 1.6e15 architectures of
``resnet``. The grammar holds any structure of any family, so every instance reads, prices and builds all published
designs and whatever the solver hands back; the architecture's structure names its family.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.convnet import grammar, released, structure
from search_spaces.convnet.families import inverted
from search_spaces.convnet.grids import GRIDS, STEM_KERNEL, STEM_STRIDE, FamilyGrid
from search_spaces.convnet.stages import StageFactory, choices, inner_gene, inner_width, stage_chain
from search_spaces.errors import SpaceError
from search_spaces.operators import OperatorTable
from search_spaces.space import Genomes, SearchSpace, StageSummary

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
        self.inner = inner_gene(self.family)
        self.chain = stage_chain(self.grid)
        self.choices = choices(self.family, self.grid)
        self.stages = StageFactory(self.family, self.grid, img_size=self.img_size, **self.options).all()

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
        for name, stride in zip(self.chain[1:], self.grid.strides, strict=True):
            width, kernel, depth = (v[f"{name}.{field}"] for field in ("width", "kernel", "depth"))
            inner = inner_width(self.family, v[f"{name}.{self.inner}"], width)
            stages.append({"out": width, "bottleneck": inner, "kernel": kernel, "depth": depth, "stride": stride})
        stem = {"out": v["stem.width"], "kernel": STEM_KERNEL, "stride": STEM_STRIDE}
        head = {"out": v["conv_head.width"], "kernel": 1, "stride": 1} if self.grid.head else None
        config = {"family": self.family, "resolution": self.img_size, "stem": stem, "stages": stages, "head": head}
        return Architecture.of(self.name, config, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        config = self.checked(architecture)
        self._check_skeleton(config)
        wanted = {"stem.width": config["stem"]["out"]}
        for name, stage in zip(self.chain[1:], config["stages"], strict=True):
            ratio, remainder = divmod(stage["bottleneck"], stage["out"])
            if inverted(self.family) and remainder:
                raise SpaceError(f"convnet: {name}.bottleneck must be a multiple of {stage['out']} on the grid")
            shape = {"width": stage["out"], "expand": ratio, **{k: stage[k] for k in ("bottleneck", "kernel", "depth")}}
            wanted |= {f"{name}.{field}": value for field, value in shape.items()}
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
        for before, after in pairwise(self.chain):
            i, j = self.gene_index[f"{before}.width"], self.gene_index[f"{after}.width"]
            least = np.searchsorted(self.choices[j].values, self.choices[i].values).clip(max=self.cardinalities[j] - 1)
            fixed[:, j] = np.maximum(fixed[:, j], least[fixed[:, i]])
        return fixed

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`; stages are ``grammar.stage_names``."""
        return structure.table(self.checked(architecture), **self.options)

    def price_architecture(self, architecture: Architecture) -> dict[str, int | float]:
        """See :meth:`SearchSpace.price_architecture`; a structure may have other stages and strides than the grid."""
        return structure.price(architecture.config, self.operators(architecture))

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        return structure.summary(self.checked(architecture), self.options["num_classes"])

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
