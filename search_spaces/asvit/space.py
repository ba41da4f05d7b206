"""The ``asvit`` space: 4,556,250 seed topologies, and every network grown from one.

Chen et al., "Auto-scaling Vision Transformers without Training", ICLR 2022; choices as in the released
``cell_operations.py``. A seed has one block per stage and 32 channels; the grammar holds any depth and width, so that
what ``nas scale`` grows from a seed is an architecture of this space, off its grid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.asvit import grammar, operators, released
from search_spaces.asvit.operators import STAGE_NAMES
from search_spaces.asvit.released import SEED_DEPTH, SEED_WIDTH
from search_spaces.errors import SpaceError
from search_spaces.operators import OperatorTable, TableBuilder
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values

if TYPE_CHECKING:
    from torch import nn

STAGE_CHOICES: dict[str, dict[str, tuple[int, ...]]] = {
    "S1": {"kernel": (4, 5, 6, 7, 8), "split": (2, 4, 8), "expand": (2, 3, 4, 5, 6)},
    "S2": {"kernel": (2, 3, 4), "split": (1, 2, 4), "expand": (2, 3, 4, 5, 6)},
    "S3": {"kernel": (2, 3, 4), "split": (1, 2), "expand": (2, 3, 4, 5, 6)},
    "S4": {"kernel": (2, 3, 4), "expand": (2, 3, 4, 5, 6)},
}
HEADS = (16, 32, 64)
LAST_SPLIT = 1
"""The last stage attends over its whole map in every seed."""


class AsViT(SearchSpace):
    """See the module's docstring. ``img_size``: resolution of the seeds, a multiple of 32."""

    name: ClassVar[str] = "asvit"
    title: ClassVar[str] = "As-ViT: hierarchical window attention, grown from a seed topology without training"
    source: ClassVar[str] = "Chen et al., ICLR 2022; choices of the released cell_operations.py"
    released_field: ClassVar[str] = "genotype"

    def __init__(self, *, num_classes: int = 1000, in_chans: int = 3, img_size: int = 224) -> None:
        self.img_size = grammar.CHECK.whole(
            "img_size", img_size, grammar.REDUCTION, grammar.MAX_SIDE, grammar.REDUCTION
        )
        self.options = {
            "num_classes": grammar.CHECK.whole("num_classes", num_classes, 1, 1_000_000),
            "in_chans": grammar.CHECK.whole("in_chans", in_chans, 1, 1_000_000),
        }
        self.choices = (
            *(Choice(f"{s}.{field}", v) for s, fields in STAGE_CHOICES.items() for field, v in fields.items()),
            Choice("heads", HEADS),
        )
        # Every seed has the same head; a stage of the chain must name a gene, and heads are live up to the last block.
        end = Stage("head", (Part(("heads",), self._head),), ends_scale=False)
        self.stages = (*(self._stage(t) for t in range(grammar.STAGES)), end)

    # ---- stages: which genes, which rows ----------------------------------------------------------------------

    def _stage(self, t: int) -> Stage:
        name, side = STAGE_NAMES[t], operators.sides(self.img_size)[t]
        widths = grammar.stage_widths(SEED_WIDTH)

        def entry(b: TableBuilder, v: Values) -> None:
            if t:
                operators.merge(b, c_in=widths[t - 1], c_out=widths[t], kernel=v[f"{name}.kernel"], side=side)
            else:
                operators.embed(
                    b, in_chans=self.options["in_chans"], width=widths[0], kernel=v[f"{name}.kernel"],
                    side_in=self.img_size, side_out=side,
                )  # fmt: skip

        def block(b: TableBuilder, v: Values) -> None:
            heads = v["heads"] // 2 ** (grammar.STAGES - 1 - t)
            split = v.get(f"{name}.split", LAST_SPLIT)
            operators.block(b, width=widths[t], heads=heads, split=split, expand=v[f"{name}.expand"], side=side)

        genes = tuple(f"{name}.{field}" for field in STAGE_CHOICES[name] if field != "kernel")
        return Stage(name, (Part((f"{name}.kernel",), entry), Part((*genes, "heads"), block)))

    def _head(self, b: TableBuilder, v: Values) -> None:
        width, side = grammar.stage_widths(SEED_WIDTH)[-1], operators.sides(self.img_size)[-1]
        operators.head(b, width=width, side=side, num_classes=self.options["num_classes"])

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """See :meth:`SearchSpace.architecture`; the grammar is that of ``asvit.grammar``."""
        return Architecture.of(self.name, grammar.check(config), self.options)

    def checked(self, architecture: Architecture) -> dict[str, Any]:
        """The structure of an architecture of this space with these options. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.check(architecture.config)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """See :meth:`SearchSpace.decode`."""
        v = dict(self.describe(self.check_genome(genome)))
        stages = [
            {
                "kernel": v[f"{name}.kernel"], "split": v.get(f"{name}.split", LAST_SPLIT),
                "expand": v[f"{name}.expand"], "depth": SEED_DEPTH,
            } for name in STAGE_NAMES
        ]  # fmt: skip
        config = {"resolution": self.img_size, "width": SEED_WIDTH, "heads": v["heads"], "stages": stages}
        return Architecture.of(self.name, config, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        config = self.checked(architecture)
        fixed = [("resolution", config["resolution"], self.img_size), ("width", config["width"], SEED_WIDTH)]
        fixed += [(f"{n}.depth", s["depth"], SEED_DEPTH) for n, s in zip(STAGE_NAMES, config["stages"], strict=True)]
        fixed.append(("S4.split", config["stages"][-1]["split"], LAST_SPLIT))
        for what, got, value in fixed:
            if got != value:
                raise SpaceError(f"asvit: every seed has {what} = {value}, got {got}")
        wanted = {"heads": config["heads"]}
        for name, stage in zip(STAGE_NAMES, config["stages"], strict=True):
            wanted |= {f"{name}.{field}": value for field, value in stage.items()}
        for choice in self.choices:
            if wanted[choice.name] not in choice.values:
                raise SpaceError(f"asvit: {choice.name} must be one of {choice.values}, got {wanted[choice.name]}")
        return self.check_genome(np.array([c.values.index(wanted[c.name]) for c in self.choices]))

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`."""
        return operators.table(self.checked(architecture), **self.options)

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        config = self.checked(architecture)
        widths, heads = grammar.stage_widths(config["width"]), grammar.stage_heads(config["heads"])
        rows = []
        for t, (name, stage) in enumerate(zip(STAGE_NAMES, config["stages"], strict=True)):
            side = operators.sides(config["resolution"])[t]
            windows = f"{stage['split']}x{stage['split']} windows" if stage["split"] > 1 else "global"
            detail = f"kernel {stage['kernel']}, {heads[t]} heads, {windows}, MLP ratio {stage['expand']}"
            rows.append(StageSummary(name, "transformer", stage["depth"], widths[t], side, detail))
        return [*rows, StageSummary("head", "head", 1, widths[-1], 1, f"{self.options['num_classes']} classes")]

    # ---- published networks -----------------------------------------------------------------------------------

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """See :meth:`SearchSpace.from_released`; the field is ``genotype``, described in ``asvit.released``."""
        return Architecture.of(self.name, released.read(raw, resolution), self.options)

    def genotype(self, architecture: Architecture) -> str:
        """The genotype string of an architecture, with depths and width."""
        return released.write(self.checked(architecture))

    def paper_count(self, architecture: Architecture) -> int | None:
        """MACs by the authors' counter, ``asvit.operators.released_count``."""
        return int(operators.released_count(self.operators(architecture))[0])

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """The released seed and Large, and Small and Base as remembered: ``published.json`` says what is unverified."""
        text = files("search_spaces.asvit").joinpath("published.json").read_text()
        return {name: self.from_released(entry["genotype"]) for name, entry in json.loads(text).items()}

    # ---- modules ----------------------------------------------------------------------------------------------

    def model(self, architecture: Architecture) -> nn.Module:
        """See :meth:`SearchSpace.model`."""
        from search_spaces.asvit.model import AsViTModel

        return AsViTModel(self.checked(architecture), **self.options)

    def supernet(self) -> nn.Module:
        """See :meth:`SearchSpace.supernet`."""
        from search_spaces.asvit.supernet import AsViTSupernet

        return AsViTSupernet(self)
