"""The AutoFormer search spaces: 1.06e9 (tiny), 7.71e13 (small) and 1.01e13 (base) plain vision transformers.

Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021. All layers share one width; depth
is chosen, and per layer the number of heads (each 64 wide, whatever the width) and the MLP ratio. ``size`` chooses the
searched grid; the grammar is one, so every instance reads, prices and builds any of these networks.
``relative_position`` (part of the id) is the published default; ViT-Bench's networks do without.

Layers behind the chosen depth have no genes of their own: theirs are 0, so that each network has one genome. Layers
are priced in groups of up to three, the last of which holds those that may be missing.
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
from search_spaces.autoformer import grammar, operators, released
from search_spaces.autoformer.grids import GRIDS, Grid
from search_spaces.errors import SpaceError, unknown_name
from search_spaces.modules import vit_operators as vit
from search_spaces.operators import OperatorTable, TableBuilder, capacity
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values

if TYPE_CHECKING:
    from torch import nn

TENTHS = 10
GROUP = 3
"""Layers priced together: few look-ups, each of a few thousand entries at most."""
MAX_OPTION = 1_000_000


class AutoFormer(SearchSpace):
    """See the module's docstring. ``img_size`` is any multiple of the patch size."""

    name: ClassVar[str] = "autoformer"
    title: ClassVar[str] = "AutoFormer: plain vision transformers, heads and MLP ratio chosen layer by layer"
    source: ClassVar[str] = "Chen et al., ICCV 2021; released search spaces T, S and B (size=tiny, small, base)"
    released_field: ClassVar[str] = "subnet"
    rule_text: ClassVar[str] = "layers behind the depth have gene 0"
    grids: ClassVar[Mapping[str, Grid]] = GRIDS

    def __init__(
        self, *, size: str = "tiny", num_classes: int = 1000, in_chans: int = 3, img_size: int | None = None,
        relative_position: bool = True,
    ) -> None:  # fmt: skip
        if size not in self.grids:
            raise unknown_name(f"size of {self.name}", size, self.grids)
        self.size_name, self.grid = size, self.grids[size]
        self.options = {
            "num_classes": grammar.CHECK.whole("num_classes", num_classes, 1, MAX_OPTION),
            "in_chans": grammar.CHECK.whole("in_chans", in_chans, 1, MAX_OPTION),
            "relative_position": grammar.CHECK.flag("relative_position", relative_position),
        }
        patch = self.grid.patch_size
        wanted = self.grid.img_size if img_size is None else img_size
        self.img_size = grammar.CHECK.whole("img_size", wanted, patch, grammar.MAX_SIDE, patch)
        self.side = self.img_size // patch
        self.layers = max(self.grid.depth)
        per_layer = (("heads", self.grid.heads), ("mlp_tenths", self.grid.mlp_tenths))
        self.choices = (
            Choice("embed_dim", self.grid.embed_dim), Choice("depth", self.grid.depth),
            *(Choice(f"L{i}.{field}", v) for i in range(1, self.layers + 1) for field, v in per_layer),
        )  # fmt: skip
        self.stages = (self._patch_embedding(), *map(self._group, self._groups()), self._head())

    # ---- stages: which genes, which rows ----------------------------------------------------------------------

    def _patch_embedding(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            self._embedding_rows(b, v["embed_dim"], self.grid.patch_size, self.side)

        return Stage("patch_embed", (Part(("embed_dim",), rows),), ends_scale=False)

    def _embedding_rows(self, b: TableBuilder, width: Any, patch: int, side: int) -> None:
        operators.patch_embedding(b, in_chans=self.options["in_chans"], width=width, patch=patch, side=side)

    def _groups(self) -> list[range]:
        """Layers priced together, numbered from 1; those that may be missing stand in the last group."""
        always = min(self.grid.depth)
        starts = range(1, always, GROUP)
        return [*(range(s, min(s + GROUP, always)) for s in starts), range(always, self.layers + 1)]

    def _group(self, layers: range) -> Stage:
        name = f"L{layers[0]}-{layers[-1]}" if len(layers) > 1 else f"L{layers[0]}"
        free = [i for i in layers if i > min(self.grid.depth)]

        def canonical(v: Values) -> NDArray[np.bool_]:
            absent = [(v["depth"] >= i) | self._is_first(v, i) for i in free]
            return np.asarray(np.all(absent, axis=0))

        rule_genes = ("depth", *(f"L{i}.{f}" for i in free for f in ("heads", "mlp_tenths")))
        parts = tuple(self._layer(i) for i in layers)
        last = layers[-1] == self.layers
        return Stage(name, parts, last, rule_genes if free else (), canonical if free else None)

    def _is_first(self, v: Values, layer: int) -> NDArray[np.bool_]:
        first = (v[f"L{layer}.heads"] == self.grid.heads[0]) & (v[f"L{layer}.mlp_tenths"] == self.grid.mlp_tenths[0])
        return np.asarray(first)

    def _layer(self, i: int) -> Part:
        def rows(b: TableBuilder, v: Values) -> None:
            vit.block(
                b, width=v["embed_dim"], heads=v[f"L{i}.heads"], head_dim=self.grid.head_dim,
                hidden=v["embed_dim"] * v[f"L{i}.mlp_tenths"] // TENTHS, tokens=self.side**2 + 1,
                relative=self.options["relative_position"], where=v.get("depth", np.array(i)) >= i,
            )  # fmt: skip

        optional = ("depth",) if i > min(self.grid.depth) else ()
        return Part(("embed_dim", *optional, f"L{i}.heads", f"L{i}.mlp_tenths"), rows)

    def _head(self) -> Stage:
        def rows(b: TableBuilder, v: Values) -> None:
            operators.head(b, width=v["embed_dim"], side=self.side, num_classes=self.options["num_classes"])

        return Stage("head", (Part(("embed_dim",), rows),), ends_scale=False)

    # ---- codec ------------------------------------------------------------------------------------------------

    @property
    def _fixed(self) -> dict[str, int]:
        return {"resolution": self.img_size, "patch_size": self.grid.patch_size, "head_dim": self.grid.head_dim}

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """See :meth:`SearchSpace.architecture`; the grammar is that of ``autoformer.grammar``.

        Without ``resolution``, ``patch_size`` or ``head_dim`` the structure has this space's.
        """
        return Architecture.of(self.name, grammar.check(config, self._fixed), self.options)

    def checked(self, architecture: Architecture) -> dict[str, Any]:
        """The structure of an architecture of this space with these options. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.check(architecture.config)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        """See :meth:`SearchSpace.decode`."""
        v = dict(self.describe(self.check_genome(genome)))
        present = range(1, v["depth"] + 1)
        config = {
            **self._fixed, "embed_dim": v["embed_dim"], "heads": [v[f"L{i}.heads"] for i in present],
            "mlp_ratio": [v[f"L{i}.mlp_tenths"] / TENTHS for i in present],
        }  # fmt: skip
        return Architecture.of(self.name, config, self.options)

    def encode(self, architecture: Architecture) -> Genomes:
        """See :meth:`SearchSpace.encode`."""
        config = self.checked(architecture)
        for field, value in self._fixed.items():
            if config[field] != value:
                raise SpaceError(f"{self.name}: the searched grid has {field} = {value}, got {config[field]}")
        wanted = {c.name: c.values[0] for c in self.choices}
        wanted |= {"embed_dim": config["embed_dim"], "depth": len(config["heads"])}
        for i, (heads, ratio) in enumerate(zip(config["heads"], config["mlp_ratio"], strict=True), start=1):
            wanted |= {f"L{i}.heads": heads, f"L{i}.mlp_tenths": ratio * TENTHS}
        for choice in self.choices:
            if wanted[choice.name] not in choice.values:
                raise SpaceError(
                    f"{self.name}: {choice.name} must be one of {choice.values}, got {wanted[choice.name]:g}"
                )
        return self.check_genome(np.array([c.values.index(wanted[c.name]) for c in self.choices]))

    def repair(self, genomes: Genomes) -> Genomes:
        """Set the genes of layers behind the depth to 0."""
        first = self.gene_index["L1.heads"]
        depth = np.array(self.grid.depth)[genomes[:, self.gene_index["depth"]]]
        fixed = genomes.copy()
        fixed[:, first:] *= (np.arange(2 * self.layers) // 2 < depth[:, None]).astype(np.uint8)
        return fixed

    # ---- any architecture of the grammar ----------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        """See :meth:`SearchSpace.operators`; the stages are the module's: patch_embed, blocks, head."""
        config = self.checked(architecture)
        b, side, width = TableBuilder(1, ("patch_embed", "blocks", "head")), grammar.side(config), config["embed_dim"]
        self._embedding_rows(b, width, config["patch_size"], side)
        b.enter("blocks")
        for heads, hidden in zip(config["heads"], grammar.hidden_widths(config), strict=True):
            vit.block(
                b, width=width, heads=heads, head_dim=config["head_dim"], hidden=hidden, tokens=side**2 + 1,
                relative=self.options["relative_position"],
            )  # fmt: skip
        b.enter("head")
        operators.head(b, width=width, side=side, num_classes=self.options["num_classes"])
        return b.table()

    def price_architecture(self, architecture: Architecture) -> dict[str, int | float]:
        """See :meth:`SearchSpace.price_architecture`; all layers are one scale."""
        table = self.operators(architecture)
        body = [table.select(table["stage"] == i) for i in range(2)]
        entropy = np.array([[part.entropy[0] for part in body]])
        volume = np.array([[float(part.volume[0]) for part in body]])
        return {
            "macs": int(table.macs[0]), "params": int(table.params[0]), "activations": int(table.activations[0]),
            "memory": int(table.memory_bytes[0]), "capacity": float(capacity(entropy, volume, (False, True))[0]),
        }  # fmt: skip

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        """See :meth:`SearchSpace.summary`."""
        config = architecture.config
        side, width, depth = grammar.side(config), config["embed_dim"], len(config["heads"])
        detail = f"heads {_list(config['heads'])}, MLP ratio {_list(config['mlp_ratio'])}"
        return [
            StageSummary("patch_embed", "convolution", 1, width, side, f"{config['patch_size']}-pixel patches"),
            StageSummary("blocks", "transformer", depth, width, side, detail),
            StageSummary("head", "head", 1, width, 1, f"{self.options['num_classes']} classes"),
        ]

    # ---- published networks -----------------------------------------------------------------------------------

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """See :meth:`SearchSpace.from_released`; the field is ``subnet``, described in ``autoformer.released``."""
        size = {} if resolution is None else {"resolution": resolution}
        return self.architecture({**released.read(raw), **size})

    def paper_count(self, architecture: Architecture) -> int | None:
        """FLOPs by the released counter, ``autoformer.released.paper_flops``."""
        return released.paper_flops(
            architecture.config, in_chans=self.options["in_chans"], num_classes=self.options["num_classes"],
            relative=self.options["relative_position"],
        )  # fmt: skip

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """AutoFormer-T, -S and -B; T's MLP ratio 3.0 lies outside its own space."""
        text = files("search_spaces.autoformer").joinpath("published.json").read_text()
        return {name: self.from_released(raw) for name, raw in json.loads(text).items()}

    # ---- modules ----------------------------------------------------------------------------------------------

    def model(self, architecture: Architecture) -> nn.Module:
        """See :meth:`SearchSpace.model`."""
        from search_spaces.autoformer.model import AutoFormerModel

        return AutoFormerModel(self.checked(architecture), **self.options)

    def supernet(self) -> nn.Module:
        """See :meth:`SearchSpace.supernet`."""
        from search_spaces.autoformer.supernet import AutoFormerSupernet

        return AutoFormerSupernet(self)


def _list(values: list[float]) -> str:
    """One value where all are equal, else all of them."""
    return "/".join(f"{v:g}" for v in (values if len(set(values)) > 1 else values[:1]))
