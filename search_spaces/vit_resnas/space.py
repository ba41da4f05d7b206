"""The ViT-ResNAS search spaces: 1.92e28 (tiny) and 4.21e32 (small) vision transformers in three stages.

Liao, Karaman and Sze, "Searching for Efficient Multi-Stage Vision Transformers", 2021. A convolutional patch embedding
and a class token; three stages with a width each, whose blocks have heads and an MLP of their own and of which the
2nd, 4th and 6th may be left out; residual spatial reductions between. ``size`` chooses the searched grid (the
networks Small and Medium come from ``small``); the grammar is one, so every instance reads, prices and builds any of
these networks.

A gene of heads is 0 where the block is left out, and that of its MLP then 0 too: each network has one genome. Blocks
are priced two by two, an optional one with one that is always there.
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
from search_spaces.errors import SpaceError, unknown_name
from search_spaces.modules import vit_operators as vit
from search_spaces.operators import OperatorTable, TableBuilder
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values
from search_spaces.vit_resnas import grammar, operators, released, structure
from search_spaces.vit_resnas.grids import GRIDS, Grid

if TYPE_CHECKING:
    from torch import nn

MAX_OPTION = 1_000_000


class VitResNAS(SearchSpace):
    """See the module's docstring. ``img_size`` is any multiple of the patch size."""

    name: ClassVar[str] = "vit_resnas"
    title: ClassVar[str] = "ViT-ResNAS: three-stage vision transformers with residual spatial reduction"
    source: ClassVar[str] = "Liao et al., 2021; released configurations sr_tiny_mh and sr_small_mh (size=tiny, small)"
    released_field: ClassVar[str] = "network_def"
    rule_text: ClassVar[str] = "a block without heads is left out, and its MLP gene is 0"
    grids: ClassVar[Mapping[str, Grid]] = GRIDS

    def __init__(
        self, *, size: str = "tiny", num_classes: int = 1000, in_chans: int = 3, img_size: int | None = None
    ) -> None:
        if size not in self.grids:
            raise unknown_name(f"size of {self.name}", size, self.grids)
        self.size_name, self.grid = size, self.grids[size]
        self.options = {
            "num_classes": grammar.CHECK.whole("num_classes", num_classes, 1, MAX_OPTION),
            "in_chans": grammar.CHECK.whole("in_chans", in_chans, 1, MAX_OPTION),
        }
        patch = self.grid.patch_size
        wanted = self.grid.img_size if img_size is None else img_size
        self.img_size = grammar.CHECK.whole("img_size", wanted, patch, grammar.MAX_SIDE, patch)
        self._fixed = {"resolution": self.img_size, "patch_size": patch, "mid": self.grid.mid}
        self.sides = grammar.sides({**self._fixed, "stages": self.grid.stages})
        self.choices = tuple(c for s in range(len(self.grid.stages)) for c in self._stage_choices(s))
        self.stages = (self._patch_embedding(), *self._body(), self._head())

    def _stage_choices(self, s: int) -> list[Choice]:
        stage, name = self.grid.stages[s], f"S{s + 1}"
        found = [Choice(f"{name}.embed_dim", stage.embed_dim)]
        for slot in range(1, self.grid.slots + 1):
            found += [Choice(f"{name}.{slot}.heads", self.grid.heads(s, slot))]
            found += [Choice(f"{name}.{slot}.mlp", stage.mlp)]
        return found

    # ---- stages: which genes, which rows ----------------------------------------------------------------------

    def _patch_embedding(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            operators.patch_embedding(
                b, in_chans=self.options["in_chans"], width=v["S1.embed_dim"], mid=self.grid.mid,
                patch=self.grid.patch_size, side=self.sides[0],
            )  # fmt: skip

        return Stage("patch_embed", (Part(("S1.embed_dim",), rows),), ends_scale=False)

    def _body(self) -> list[Stage]:
        found: list[Stage] = []
        for s in range(len(self.grid.stages)):
            found += [self._reduction(s)] if s else []
            found += [self._pair(s, slot) for slot in range(1, self.grid.slots + 1, 2)]
        return found

    def _reduction(self, s: int) -> Stage:
        before, after = f"S{s}.embed_dim", f"S{s + 1}.embed_dim"

        def rows(b: TableBuilder, v: Values) -> None:
            operators.reduction(b, c_in=v[before], c_out=v[after], side=self.sides[s - 1])

        return Stage(f"R{s}", (Part((before, after), rows),), ends_scale=False)

    def _pair(self, s: int, slot: int) -> Stage:
        """Two blocks (or the last one) of a stage; the second may be left out."""
        slots = [i for i in (slot, slot + 1) if i <= self.grid.slots]
        genes = {i: (f"S{s + 1}.{i}.heads", f"S{s + 1}.{i}.mlp") for i in slots}
        free = [genes[i] for i in slots if i in self.grid.removable]
        least = self.grid.stages[s].mlp[0]

        def canonical(v: Values) -> NDArray[np.bool_]:
            return np.asarray(np.all([(v[heads] > 0) | (v[mlp] == least) for heads, mlp in free], axis=0))

        name = f"S{s + 1}.{'-'.join(map(str, slots))}"
        parts = tuple(self._block(s, *genes[i]) for i in slots)
        last = slots[-1] == self.grid.slots
        rule_genes = tuple(gene for pair in free for gene in pair)
        return Stage(name, parts, last, rule_genes, canonical if free else None)

    def _block(self, s: int, heads: str, mlp: str) -> Part:
        width = f"S{s + 1}.embed_dim"

        def rows(b: TableBuilder, v: Values) -> None:
            vit.block(
                b, width=v[width], heads=v[heads], head_dim=self.grid.stages[s].head_dim, hidden=v[mlp],
                tokens=self.sides[s] ** 2 + 1, where=v[heads] > 0,
            )  # fmt: skip

        return Part((width, heads, mlp), rows)

    def _head(self) -> Stage:
        width = f"S{len(self.grid.stages)}.embed_dim"

        def rows(b: TableBuilder, v: Values) -> None:
            operators.head(b, width=v[width], side=self.sides[-1], num_classes=self.options["num_classes"])

        return Stage("head", (Part((width,), rows),), ends_scale=False)

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """See :meth:`SearchSpace.architecture`; the grammar is that of ``vit_resnas.grammar``.

        Without ``resolution``, ``patch_size`` or ``mid`` the structure has this space's.
        """
        return Architecture.of(self.name, grammar.check(config, self._fixed), self.options)

    def checked(self, architecture: Architecture) -> dict[str, Any]:
        """The structure of an architecture of this space with these options. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.check(architecture.config)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """See :meth:`SearchSpace.decode`."""
        v = dict(self.describe(self.check_genome(genome)))

        def block(s: int, slot: int) -> dict[str, int] | None:
            heads, mlp = v[f"S{s + 1}.{slot}.heads"], v[f"S{s + 1}.{slot}.mlp"]
            return {"heads": heads, "head_dim": self.grid.stages[s].head_dim, "mlp": mlp} if heads else None

        stages = [
            {"embed_dim": v[f"S{s + 1}.embed_dim"], "blocks": [block(s, i) for i in range(1, self.grid.slots + 1)]}
            for s in range(len(self.grid.stages))
        ]
        return Architecture.of(self.name, {**self._fixed, "stages": stages}, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        config = self.checked(architecture)
        if config["resolution"] != self.img_size:
            raise SpaceError(f"{self.name}: the grid has resolution {self.img_size}, got {config['resolution']}")
        wanted = structure.genes(self.name, config, self.grid)
        return self.check_genome(np.array([c.values.index(wanted[c.name]) for c in self.choices]))

    def repair(self, genomes: Genomes) -> Genomes:
        """Set the MLP gene of blocks that are left out to 0."""
        fixed = genomes.copy()
        for choice in self.choices:
            if choice.values[0] == 0:  # the heads of a block that may be left out
                column = self.gene_index[choice.name]
                fixed[:, column + 1] *= (genomes[:, column] > 0).astype(np.uint8)
        return fixed

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`; the stages are the module's: patch_embed, S1, R1, S2, .., head."""
        return structure.table(self.checked(architecture), **self.options)

    def price_architecture(self, architecture: Architecture) -> dict[str, int | float]:
        """See :meth:`SearchSpace.price_architecture`; a structure may have more or fewer stages than the grid."""
        return structure.price(self.operators(architecture))

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        return structure.summary(self.checked(architecture), self.options["num_classes"])

    # ---- published networks -----------------------------------------------------------------------------------

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """See :meth:`SearchSpace.from_released`; the field is ``network_def``, described in ``vit_resnas.released``.

        Released results leave out the rows of missing blocks. Where the network lies on a searched grid once they
        are put back (in the last places that may be empty), they are.
        """
        config = released.read(raw, resolution)
        for grid in dict.fromkeys((self.grid, *self.grids.values())):
            seated = structure.seated(config, grid)
            if structure.on_grid(self.name, seated, grid):
                return Architecture.of(self.name, seated, self.options)
        return Architecture.of(self.name, config, self.options)

    def paper_count(self, architecture: Architecture) -> int | None:
        """MACs by the authors' estimator, which differs from ours above 224 pixels."""
        macs = int(self.operators(architecture).macs[0])
        return released.paper_macs(architecture.config, self.options["in_chans"], macs)

    def paper_params(self, architecture: Architecture) -> int | None:
        """Parameters with the classifier on every patch that exists in training only, as the authors count them."""
        params = int(self.operators(architecture).params[0])
        return params + released.patch_head_params(architecture.config, self.options["num_classes"])

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """The searched networks, the hand-made reference, and the largest networks of both spaces."""
        text = files("search_spaces.vit_resnas").joinpath("published.json").read_text()
        return {name: self.from_released(*raw) for name, raw in json.loads(text).items()}

    # ---- modules ----------------------------------------------------------------------------------------------

    def model(self, architecture: Architecture) -> nn.Module:
        """See :meth:`SearchSpace.model`."""
        from search_spaces.vit_resnas.model import VitResNASModel

        return VitResNASModel(self.checked(architecture), **self.options)

    def supernet(self) -> nn.Module:
        """See :meth:`SearchSpace.supernet`."""
        from search_spaces.vit_resnas.supernet import VitResNASSupernet

        return VitResNASSupernet(self)
