"""The ElasticViT search space, all of it: 5.4487e16 combinations, 2.1672e16 with non-decreasing widths.

Tang et al., "ElasticViT: Conflict-aware Supernet Training for Deploying Fast Vision Transformer on Diverse Mobile
Devices", ICCV 2023; choices as in the released ``final_3min_space.yaml``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.elasticvit import grammar, operators, released
from search_spaces.elasticvit.grids import CONV_NAMES, CONV_SE, PUBLISHED, TRANSFORMER_NAMES, WIDTH_CHAIN, Grid
from search_spaces.errors import SpaceError
from search_spaces.operators import OperatorTable, TableBuilder
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values

if TYPE_CHECKING:
    from torch import nn

RESOLUTIONS = PUBLISHED.resolutions


def _side(values: Values, scale: int) -> NDArray[np.int64]:
    """Side of a map ``scale`` times smaller than the image, halved step by step and rounded up."""
    return operators.half(values["resolution"], scale)


class ElasticViT(SearchSpace):
    """See the module's docstring. ``img_size`` keeps one of the resolutions; None searches them all."""

    name: ClassVar[str] = "elasticvit"
    title: ClassVar[str] = "ElasticViT: MBConv stages followed by transformer stages, for phones"
    source: ClassVar[str] = "Tang et al., ICCV 2023; released configuration final_3min_space"
    released_field: ClassVar[str] = "arch_raw"
    rule_text: ClassVar[str] = "widths must not decrease from stage to stage"
    grid: ClassVar[Grid] = PUBLISHED
    """What is searched; a subclass may search another grid in the same grammar."""

    def __init__(self, *, num_classes: int = 1000, in_chans: int = 3, img_size: int | None = None) -> None:
        known = self.grid.resolutions
        if img_size is not None and img_size not in known:
            nearest = min(known, key=lambda r: abs(r - img_size))
            raise SpaceError(f"{self.name}: img_size must be one of {known}, got {img_size} (nearest: {nearest})")
        for option, value, low in (("num_classes", num_classes, 1), ("in_chans", in_chans, 1)):
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= 1_000_000:
                raise SpaceError(f"{self.name}: {option} must be an integer from {low} to 1,000,000, got {value!r}")
        self.options = {"num_classes": num_classes, "in_chans": in_chans}
        self.choices = (
            Choice("resolution", known if img_size is None else (img_size,)),
            *(Choice(f"{s}.{field}", v) for s, fields in self.grid.stages.items() for field, v in fields.items()),
        )
        self.scales = self.grid.strides.reductions
        self.stages = (self._stem(), *self._conv_stages(), *self._transformer_stages(), self._head())

    # ---- stages: which genes, which rows ----------------------------------------------------------------------

    def _stem(self) -> Stage:
        depths = self.grid.stages["stem"]["depth"]

        def rows(b: TableBuilder, v: Values) -> None:
            self._stem_rows(
                b, v["resolution"], v["stem.width"], [v["stem.kernel"]] * max(depths),
                [v["stem.depth"] > i for i in range(max(depths))],
            )  # fmt: skip

        part = Part(("resolution", "stem.width", "stem.depth", "stem.kernel"), rows)
        return Stage("stem", (part,), self._ends_scale("stem"))

    def _stem_rows(self, b: TableBuilder, side: Any, width: Any, kernel: Sequence[Any], where: Sequence[Any]) -> None:
        stride = self.grid.strides.stem
        operators.first_conv(b, in_chans=self.options["in_chans"], width=width, side=side, stride=stride)
        operators.mbconv_layers(
            b, c_in=width, width=width, expand=[1] * len(kernel), kernel=kernel, stride=1,
            side=operators.half(side, stride), se=False, where=where, expanded=False,
        )  # fmt: skip

    def _conv_stages(self) -> list[Stage]:
        return [self._conv_stage(i) for i in range(len(CONV_NAMES))]

    def _conv_stage(self, i: int) -> Stage:
        name, previous, stride, se = CONV_NAMES[i], WIDTH_CHAIN[i], self.grid.strides.conv[i], CONV_SE[i]
        layers, scale = max(self.grid.stages[name]["depth"]), self.scales[previous]
        width, before, depth, expand, kernel = (
            f"{name}.width", f"{previous}.width", f"{name}.depth", f"{name}.expand", f"{name}.kernel",
        )  # fmt: skip

        def first(b: TableBuilder, v: Values) -> None:
            operators.mbconv(
                b, c_in=v[before], c_out=v[width], expand=v[expand], kernel=v[kernel], stride=stride,
                side=_side(v, scale), se=se,
            )  # fmt: skip

        def rest(b: TableBuilder, v: Values) -> None:
            operators.mbconv_layers(
                b, c_in=v[width], width=v[width], expand=[v[expand]] * (layers - 1), kernel=[v[kernel]] * (layers - 1),
                stride=1, side=_side(v, stride * scale), se=se, where=[v[depth] > j for j in range(1, layers)],
            )  # fmt: skip

        parts = (
            Part(("resolution", before, width, expand, kernel), first),
            Part(("resolution", width, depth, expand, kernel), rest),
        )
        return Stage(name, parts, self._ends_scale(name), (before, width), lambda v: v[before] <= v[width])

    def _ends_scale(self, name: str) -> bool:
        """Whether the map behind this stage is smaller, or there is none."""
        following = WIDTH_CHAIN[WIDTH_CHAIN.index(name) + 1 :]
        return not following or self.scales[following[0]] > self.scales[name]

    def _transformer_stages(self) -> list[Stage]:
        return [self._transformer_stage(i) for i in range(len(TRANSFORMER_NAMES))]

    def _transformer_stage(self, i: int) -> Stage:
        name, stride = TRANSFORMER_NAMES[i], self.grid.strides.transformer[i]
        previous = WIDTH_CHAIN[WIDTH_CHAIN.index(name) - 1]
        layers, scale = max(self.grid.stages[name]["depth"]), self.scales[previous]
        width, before, depth, mlp, value = (
            f"{name}.width", f"{previous}.width", f"{name}.depth", f"{name}.mlp", f"{name}.v",
        )  # fmt: skip

        def reduce(b: TableBuilder, v: Values) -> None:
            operators.reduction(b, c_in=v[before], width=v[width], stride=stride, side=_side(v, scale))

        def blocks(b: TableBuilder, v: Values) -> None:
            for layer in range(layers):
                operators.transformer_layer(
                    b, width=v[width], v_scale=v[value], mlp_ratio=v[mlp], side=_side(v, scale * stride),
                    where=v[depth] > layer,
                )  # fmt: skip

        parts = (
            Part(("resolution", before, width), reduce),
            Part(("resolution", width, depth, mlp, value), blocks),
        )
        return Stage(name, parts, self._ends_scale(name), (before, width), lambda v: v[before] <= v[width])

    def _head(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            operators.head(
                b, width=v["T4.width"], side=_side(v, self.scales["T4"]), num_classes=self.options["num_classes"]
            )

        return Stage("head", (Part(("resolution", "T4.width"), rows),), ends_scale=False)

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """See :meth:`SearchSpace.architecture`; the grammar is that of ``elasticvit.grammar``."""
        return Architecture.of(self.name, grammar.check(config), self.options)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """See :meth:`SearchSpace.decode`."""
        v = dict(self.describe(self.check_genome(genome)))

        def layers(stage: str, *fields: str) -> dict[str, list[int]]:
            return {grammar_name: [v[f"{stage}.{gene}"]] * v[f"{stage}.depth"] for gene, grammar_name in LAYER_FIELDS
                    if gene in fields}  # fmt: skip

        config = {
            "resolution": v["resolution"],
            "stem": {"width": v["stem.width"], **layers("stem", "kernel")},
            "conv_stages": [{"width": v[f"{s}.width"], **layers(s, "expand", "kernel")} for s in CONV_NAMES],
            "transformer_stages": [{"width": v[f"{s}.width"], **layers(s, "mlp", "v")} for s in TRANSFORMER_NAMES],
        }
        return Architecture.of(self.name, config, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        self.check_options(architecture)
        config = grammar.check(architecture.config)
        stages = [config["stem"], *config["conv_stages"], *config["transformer_stages"]]
        wanted = {"resolution": config["resolution"]}
        for name, stage in zip(WIDTH_CHAIN, stages, strict=True):
            wanted[f"{name}.width"] = stage["width"]
            lists = {gene: stage[field] for gene, field in LAYER_FIELDS if field in stage}
            for gene, values in lists.items():
                if len(set(values)) > 1:
                    raise SpaceError(f"{self.name}: {name}.{gene} differs by layer {values}; the grid has one value")
                wanted[f"{name}.{gene}"], wanted[f"{name}.depth"] = values[0], len(values)
        for choice in self.choices:
            if wanted[choice.name] not in choice.values:
                raise SpaceError(
                    f"{self.name}: {choice.name} must be one of {choice.values}, got {wanted[choice.name]}"
                )
        return self.check_genome(np.array([c.values.index(wanted[c.name]) for c in self.choices]))

    def repair(self, genomes: Genomes) -> Genomes:
        """Raise each width to the first choice not below the stage before it."""
        fixed = genomes.copy()
        for before, after in pairwise(WIDTH_CHAIN):
            i, j = self.gene_index[f"{before}.width"], self.gene_index[f"{after}.width"]
            least = np.searchsorted(self.choices[j].values, self.choices[i].values).clip(max=self.cardinalities[j] - 1)
            fixed[:, j] = np.maximum(fixed[:, j], least[fixed[:, i]])
        return fixed

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`."""
        self.check_options(architecture)
        config = grammar.check(architecture.config)
        b = TableBuilder(1, [s.name for s in self.stages])
        side, width, kernel = config["resolution"], config["stem"]["width"], config["stem"]["kernel"]
        b.enter("stem")
        self._stem_rows(b, side, width, kernel, [True] * len(kernel))
        strides = self.grid.strides
        side = operators.half(side, strides.stem)
        for name, se, stride, stage in zip(CONV_NAMES, CONV_SE, strides.conv, config["conv_stages"], strict=True):
            b.enter(name)
            operators.mbconv_layers(
                b, c_in=width, width=stage["width"], expand=stage["expand"], kernel=stage["kernel"], stride=stride,
                side=side, se=se, where=[True] * len(stage["kernel"]),
            )  # fmt: skip
            side, width = operators.half(side, stride), stage["width"]
        stages = zip(TRANSFORMER_NAMES, strides.transformer, config["transformer_stages"], strict=True)
        for name, stride, stage in stages:
            b.enter(name)
            operators.reduction(b, c_in=width, width=stage["width"], stride=stride, side=side)
            side, width = operators.half(side, stride), stage["width"]
            for m, v in zip(stage["mlp_ratio"], stage["v_scale"], strict=True):
                operators.transformer_layer(b, width=width, v_scale=v, mlp_ratio=m, side=side)
        b.enter("head")
        operators.head(b, width=width, side=side, num_classes=self.options["num_classes"])
        return b.table()

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        config = architecture.config
        sides = {name: int(operators.half(config["resolution"], scale)) for name, scale in self.scales.items()}
        stem = config["stem"]
        rows = [StageSummary("stem", "convolution", len(stem["kernel"]), stem["width"], sides["stem"], _layers(stem))]
        for name, stage in zip(CONV_NAMES, config["conv_stages"], strict=True):
            side = sides[name]
            rows.append(StageSummary(name, "convolution", len(stage["kernel"]), stage["width"], side, _layers(stage)))
        for name, stage in zip(TRANSFORMER_NAMES, config["transformer_stages"], strict=True):
            detail = f"{stage['width'] // operators.HEAD_DIM} heads, {_layers(stage)}"
            rows.append(StageSummary(name, "transformer", len(stage["v_scale"]), stage["width"], sides[name], detail))
        return [*rows, StageSummary("head", "head", 1, operators.FEATURES, 1, f"{self.options['num_classes']} classes")]

    # ---- published networks -----------------------------------------------------------------------------------

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """See :meth:`SearchSpace.from_released`; the field is ``arch_raw``, described in ``elasticvit.released``."""
        return Architecture.of(self.name, released.read(raw, resolution), self.options)

    def paper_count(self, architecture: Architecture) -> int | None:
        """MACs by the authors' counter, ``elasticvit.released.paper_macs``."""
        return released.paper_macs(architecture.config, self.options["num_classes"], self.options["in_chans"])

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """T1 .. L3 of the paper and the three hierarchical smallest networks (min200, min400, min800)."""
        text = files("search_spaces.elasticvit").joinpath("published.json").read_text()
        return {name: self.from_released(raw) for name, raw in json.loads(text).items()}

    # ---- modules ----------------------------------------------------------------------------------------------

    def model(self, architecture: Architecture) -> nn.Module:
        """See :meth:`SearchSpace.model`."""
        from search_spaces.elasticvit.model import ElasticViTModel

        self.check_options(architecture)
        return ElasticViTModel(grammar.check(architecture.config), strides=self.grid.strides, **self.options)

    def supernet(self) -> nn.Module:
        """See :meth:`SearchSpace.supernet`."""
        from search_spaces.elasticvit.supernet import ElasticViTSupernet

        return ElasticViTSupernet(self)


LAYER_FIELDS = (("kernel", "kernel"), ("expand", "expand"), ("mlp", "mlp_ratio"), ("v", "v_scale"))
"""(gene, name in the grammar) of the fields that hold one value per layer."""


def _layers(stage: Mapping[str, Any]) -> str:
    """What the layers of a stage are made of: "expand 4, kernel 3"; values that differ are listed."""
    names = {"mlp_ratio": "MLP ratio", "v_scale": "V scale"}
    lists = {names.get(k, k): v for k, v in stage.items() if isinstance(v, list)}
    return ", ".join(f"{n} {'/'.join(map(str, v if len(set(v)) > 1 else v[:1]))}" for n, v in lists.items())
