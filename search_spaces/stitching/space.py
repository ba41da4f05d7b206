"""The ``stitching`` space: the routes through a family of networks, joined by stitching layers.

Pan, Cai, Zhuang: "Stitchable Neural Networks", CVPR 2023 (rule ``v1``), and "Stitched ViTs are Flexible Vision
Backbones", ECCV 2024 (rule ``v2``, both directions). Anchors are timm models, named from the smallest to the largest.

Images and classes are the anchors' own by default, so these must agree; with ``img_size`` and ``num_classes`` all
anchors are made for others.

A genome has two genes, the group of routes (anchors, or one kind, pair and stage) and the position in it; every other
combination is invalid. Spaces of this kind have tens to thousands of routes and are enumerated, not evolved.

``released=True`` reproduces two properties of the released v1 code that we do not follow otherwise: stitched ViTs do
without their last norm, and in stages of different depths a route uses the layer of the window before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError, unknown_name
from search_spaces.operators import OperatorTable, TableBuilder
from search_spaces.space import Choice, Genomes, Part, SearchSpace, Stage, StageSummary, Values
from search_spaces.stitching import grammar, native
from search_spaces.stitching.anchors import Anchor, anchor
from search_spaces.stitching.grid import RULES, check_anchors, check_routes, enumerate_routes, groups
from search_spaces.stitching.paper import paper_count, paper_params
from search_spaces.stitching.routes import Route
from search_spaces.stitching.tables import route_table, stage_summaries, without_norm
from search_spaces.stitching.walk import SEGMENTS

if TYPE_CHECKING:
    from torch import nn

DEFAULT_ANCHORS = "deit_tiny_patch16_224,deit_small_patch16_224,deit_base_patch16_224"


class Stitching(SearchSpace):
    """See the module's docstring."""

    name: ClassVar[str] = "stitching"
    title: ClassVar[str] = "Stitching: routes through pretrained networks (SN-Net v1 and v2)"
    source: ClassVar[str] = "Pan, Cai and Zhuang, CVPR 2023 and ECCV 2024"
    released_field: ClassVar[str] = "route"
    of_models: ClassVar[bool] = True
    ordered: ClassVar[bool] = False
    rule_text: ClassVar[str] = "a position must exist in its group of routes"

    def __init__(
        self, *, anchors: str = DEFAULT_ANCHORS, rule: str = "v1", kernel: int = 2, stride: int = 1,
        released: bool = False, num_classes: int | None = None, in_chans: int = 3, img_size: int | None = None,
    ) -> None:  # fmt: skip
        if rule not in RULES:
            raise unknown_name("stitching rule", str(rule)[:40], RULES)
        names = grammar.names(anchors)
        num_classes = native.num_classes(names) if num_classes is None else num_classes
        img_size = native.image_size(names) if img_size is None else img_size
        self.options = {
            "anchors": ",".join(names), "rule": rule, "kernel": grammar.CHECK.whole("kernel", kernel, 1, 64),
            "stride": grammar.CHECK.whole("stride", stride, 1, 64),
            "released": grammar.CHECK.flag("released", released),
            "num_classes": grammar.CHECK.whole("num_classes", num_classes, 1, 1_000_000),
            "in_chans": grammar.CHECK.whole("in_chans", in_chans, 1, 1_000),
            "img_size": grammar.CHECK.whole("img_size", img_size, 8, 4096),
        }  # fmt: skip
        self.rule = rule
        self.anchors: tuple[Anchor, ...] = tuple(anchor(n, num_classes, in_chans, img_size) for n in names)
        check_anchors(self.anchors, rule)
        self.routes = enumerate_routes(self.anchors, rule, kernel, stride, released)
        check_routes(self.routes, self.anchors, rule)
        self.groups = groups(self.routes)
        self._part: frozenset[int] | None = None
        self.choices = (
            Choice("group", tuple(range(len(self.groups)))),
            Choice("position", tuple(range(max(map(len, self.groups))))),
        )
        self.stages = tuple(self._stage(n, name) for n, name in enumerate(SEGMENTS))

    def _stage(self, number: int, name: str) -> Stage:
        def add(builder: TableBuilder, values: Values) -> None:
            for arch, (group, position) in enumerate(zip(values["group"], values["position"], strict=True)):
                members = self.groups[int(group)]
                if position < len(members):
                    table = self._tables[members[int(position)]]
                    builder.append(arch, table.select(table["stage"] == number))

        part = Part(("group", "position"), add)
        return Stage(name, (part,), name != "embed", ("group", "position"), self._exists)

    def _exists(self, values: Values) -> NDArray[np.bool_]:
        exists = np.zeros([len(c.values) for c in self.choices], dtype=bool)
        for group, members in enumerate(self.groups):
            exists[group, : len(members)] = [self._part is None or n in self._part for n in members]
        return np.asarray(exists[values["group"], values["position"]])

    def restrict(self, numbers: Iterable[int]) -> None:
        """Let only these routes be valid genomes: what is sampled, counted and enumerated from now on."""
        self._part = frozenset(numbers)
        for derived in ("prices", "steps", "size", "_bounds", "_samplers"):
            self.__dict__.pop(derived, None)

    @cached_property
    def _tables(self) -> list[OperatorTable]:
        return [self._table(route) for route in self.routes]

    def _table(self, route: Route) -> OperatorTable:
        table = route_table(route, self.anchors)
        return without_norm(table) if self.unnormed(route) else table

    def unnormed(self, route: Route) -> bool:
        """Whether a route runs without the last norm, as the released v1 code's stitched ViTs do."""
        vit = self.anchors[route.path[-1]].family.name == "vit"
        return bool(self.options["released"] and self.rule == "v1" and route.stitches and vit)

    # ---- codec ------------------------------------------------------------------------------------------------

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """``{"path": [0, 1], "stitches": [[stage, i, j]]}``, any route between neighbours; anchors have no stitches."""
        return Architecture.of(self.name, grammar.check(config, self.anchors), self.options)

    def route(self, architecture: Architecture) -> Route:
        """The route of an architecture of this space. Raises SpaceError."""
        self.check_options(architecture)
        return grammar.route_of(grammar.check(architecture.config, self.anchors), self.routes)

    def decode(self, genome: NDArray[np.integer[Any]]) -> Architecture:
        group, position = self.check_genome(genome).tolist()
        return self.of_route(self.routes[self.groups[group][position]])

    def of_route(self, route: Route) -> Architecture:
        """The architecture of a route."""
        return self.architecture(grammar.config_of(route))

    def encode(self, architecture: Architecture) -> Genomes:
        route = self.route(architecture)
        for g, members in enumerate(self.groups):
            for p, n in enumerate(members):
                if self.routes[n] == route:
                    return np.array([g, p], dtype=np.uint8)
        raise SpaceError(f"architecture {architecture.id} is no route of {self.name} by rule {self.rule}")

    def from_released(self, raw: Any, resolution: int | None = None) -> Architecture:
        """``{"path": [...], "stitches": [[i, j]]}`` as in the papers' lists, ``[stage, i, j]`` in hierarchical nets."""
        if not isinstance(raw, Mapping):
            raise SpaceError(f"a released route is an object with path and stitches, got {type(raw).__name__}")
        stitches = [[0, *s] if isinstance(s, list) and len(s) == 2 else s for s in raw.get("stitches") or []]
        return self.architecture({"path": raw.get("path"), "stitches": stitches})

    # ---- what follows from a route ----------------------------------------------------------------------------

    def operators(self, architecture: Architecture) -> OperatorTable:
        return self._table(self.route(architecture))

    def summary(self, architecture: Architecture) -> list[StageSummary]:
        return stage_summaries(self.route(architecture), self.anchors)

    def model(self, architecture: Architecture) -> nn.Module:
        from search_spaces.stitching.model import StitchedNet

        return StitchedNet(self, routes=[self.route(architecture)]).path(architecture)

    def supernet(
        self, routes: Sequence[int] | None = None, rank: int = 0, anchor_lr: float = 1.0, new_heads: Sequence[int] = ()
    ) -> nn.Module:  # fmt: skip
        """The stitched net with layers for ``routes`` (numbers; default all); see :meth:`StitchedNet.prepare`."""
        from search_spaces.stitching.model import StitchedNet

        net = StitchedNet(self, routes=None if routes is None else [self.routes[n] for n in routes])
        net.prepare(rank, anchor_lr, new_heads)
        return net

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """Every route that the paper evaluates, by its number in the paper's list."""
        return {str(n): self.of_route(r) for n, r in enumerate(self.routes) if r.used}

    def paper_count(self, architecture: Architecture) -> int | None:
        return paper_count(self.route(architecture), self.anchors, self.rule)

    def paper_params(self, architecture: Architecture) -> int | None:
        return paper_params(self.route(architecture), self.anchors, self.rule)
