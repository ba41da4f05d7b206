"""The stitched net: anchors and stitching layers in one module, of which one route runs at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.stitching.anchors import CLASSIFIERS, Anchor, create, options_for
from search_spaces.stitching.pieces import Embed, StitchLayer, Tail
from search_spaces.stitching.routes import Route
from search_spaces.stitching.walk import LayerKey, Step, layer_key, walk

if TYPE_CHECKING:
    from search_spaces.stitching.space import Stitching


def layer_name(key: LayerKey) -> str:
    """The name of a stitching layer among its module's children."""
    front, end, stage, number = key
    return f"{front}to{end}_stage{stage}_{number}".replace("-", "x")


class StitchedPath(nn.Module):
    """One route as a plain network, shaped as timm's models are."""

    def __init__(self, embed: Embed, body: Sequence[nn.Module], tail: Tail, options: dict[str, Any]) -> None:
        super().__init__()
        self.num_classes: int = options["num_classes"]
        self.in_chans: int = options["in_chans"]
        self.img_size: int = options["img_size"]
        self.embed = embed
        self.body = nn.Sequential(*body)
        self.tail = tail

    def forward_features(self, x_BCHW: Tensor) -> Tensor:
        """Features after the last norm, in the layout of the last anchor."""
        return self.tail.features(self.body(self.embed(x_BCHW)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, num_classes), or the pooled features."""
        return self.tail.head(x, pre_logits)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes)."""
        return self.forward_head(self.forward_features(x_BCHW))

    def get_classifier(self) -> nn.Module:
        """The last layer."""
        return self.tail.anchor.get_classifier()  # type: ignore[operator,no-any-return]

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Another classifier, as timm's method of that name."""
        self.num_classes = num_classes
        self.tail.anchor.reset_classifier(num_classes, global_pool)  # type: ignore[operator]


class StitchedNet(nn.Module):
    """Anchors and stitching layers. ``activate`` chooses the route that ``forward`` runs: a look-up, nothing is copied.

    ``anchors`` are modules with weights, in the space's order; without them timm makes them with fresh ones. Layers are
    made for ``routes``, by default for every route of the space.
    """

    def __init__(
        self, space: Stitching, anchors: Sequence[nn.Module] | None = None, routes: Sequence[Route] | None = None
    ) -> None:
        super().__init__()
        self.space = space
        self.routes = tuple(space.routes if routes is None else routes)
        used = sorted({a for r in self.routes for a in r.path})
        modules = {a: _fresh(space, a) if anchors is None else anchors[a] for a in used}
        self.anchors = nn.ModuleDict({str(a): m for a, m in modules.items()})
        self.stitches = nn.ModuleDict()
        for route in self.routes:
            for k in range(len(route.stitches)):
                self._add_layer(layer_key(route, k))
        self._programs: dict[Architecture, list[nn.Module]] = {}
        self._pieces: dict[Any, nn.Module] = {}
        self.active: Architecture | None = None
        self.img_size: int = space.options["img_size"]
        self.anchor_lr, self.new_heads = 1.0, frozenset[int]()

    def __getstate__(self) -> dict[str, Any]:
        """Without the programs, which are made again where they are needed."""
        return self.__dict__ | {"_programs": {}, "_pieces": {}}

    def _add_layer(self, key: LayerKey) -> None:
        front, end, stage, _ = key
        if layer_name(key) not in self.stitches:
            a, b = self.space.anchors[front], self.space.anchors[end]
            layouts = a.family.layout, b.family.layout
            self.stitches[layer_name(key)] = StitchLayer(a.shapes[stage][0], b.shapes[stage][0], *layouts)

    # ---- training ---------------------------------------------------------------------------------------------

    def prepare(self, rank: int = 0, anchor_lr: float = 1.0, new_heads: Iterable[int] = ()) -> None:
        """How the net is trained from here on.

        ``rank`` above 0: stitching layers by updates of that rank (SN-Net v2), else whole. ``anchor_lr``: learning rate
        of the anchors relative to the stitching layers; 0 freezes them. The classifiers of the anchors ``new_heads``
        are fresh, so they learn as the stitching layers do.
        """
        if rank < 0 or not 0 <= anchor_lr <= 1:
            raise SpaceError(f"rank must be at least 0 and anchor_lr from 0 to 1, got {rank} and {anchor_lr}")
        self.anchor_lr, self.new_heads = anchor_lr, frozenset(new_heads)
        self.anchors.requires_grad_(anchor_lr > 0)
        for layer in self.stitches.values() if rank else ():
            layer.add_rank(rank)  # type: ignore[operator]

    def rate_scale(self, name: str) -> float:
        """Learning rate of a parameter relative to the training's."""
        kind, number, child = name.split(".")[:3]
        if kind != "anchors" or (child in CLASSIFIERS and int(number) in self.new_heads):
            return 1.0
        return self.anchor_lr

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that are not decayed, as the anchors say."""
        found: set[str] = set()
        for number, anchor in self.anchors.items():
            if hasattr(anchor, "no_weight_decay"):
                found |= {f"anchors.{number}.{name}" for name in anchor.no_weight_decay()}  # type: ignore[operator]
        return found

    # ---- running ----------------------------------------------------------------------------------------------

    def activate(self, architecture: Architecture) -> None:
        """Let ``forward`` run this route. Raises SpaceError where it is none of this net's."""
        if architecture not in self._programs:
            self._programs[architecture] = self._program(self.space.route(architecture))
        self.active = architecture

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W), resized where need be -> logits (B, num_classes) of the active route."""
        if self.active is None:
            raise SpaceError("the stitched net has no active route; call activate(architecture) first")
        self.activate(self.active)
        size = (self.img_size, self.img_size)
        if x_BCHW.shape[-2:] != size:
            x_BCHW = nn.functional.interpolate(x_BCHW, size=size, mode="bicubic", align_corners=False)
        for piece in self._programs[self.active]:
            x_BCHW = piece(x_BCHW)
        return x_BCHW

    def _program(self, route: Route) -> list[nn.Module]:
        steps = list(walk(route, self.space.anchors))
        try:
            pieces = [self.piece(step) for step in steps[:-1]]
        except KeyError as error:
            raise SpaceError(f"the stitched net has no layer or anchor {error} for this route") from None
        return [*pieces, self._tail(steps[-1], not self.space.unnormed(route))]

    def piece(self, step: Step) -> nn.Module:
        """The module behind any step of a route but its tail."""
        if step.layer is not None:
            return self.stitches[layer_name(step.layer)]
        module, anchor = self.anchors[str(step.anchor)], self.space.anchors[step.anchor]
        assert step.part is not None
        kind, stage, block = step.part
        if kind == "block":
            return anchor.family.blocks(module)[stage][block]
        if kind == "entry":
            entry = anchor.family.entries(module)[stage]
            return nn.Identity() if entry is None else entry
        return self._kept(("embed", step.anchor), lambda: Embed(module, anchor.family))

    def _tail(self, step: Step, normed: bool) -> nn.Module:
        module, family = self.anchors[str(step.anchor)], self.space.anchors[step.anchor].family
        return self._kept(("tail", step.anchor, normed), lambda: Tail(module, family, normed))

    def _kept(self, key: Any, make: Any) -> nn.Module:
        if key not in self._pieces:
            self._pieces[key] = make()
        return self._pieces[key]

    # ---- plain networks ---------------------------------------------------------------------------------------

    def path(self, architecture: Architecture) -> StitchedPath:
        """A route as a plain module that shares this net's tensors."""
        embed, *body, tail = self._program(self.space.route(architecture))
        assert isinstance(embed, Embed)
        assert isinstance(tail, Tail)
        return StitchedPath(embed, body, tail, self.space.options)

    def extract(self, architecture: Architecture) -> StitchedPath:
        """A route as a plain module with weights of its own; low-rank updates are merged."""
        found = copy.deepcopy(self.path(architecture))
        for part in found.modules():
            if isinstance(part, StitchLayer):
                part.merge()
        return found


def _fresh(space: Stitching, number: int) -> nn.Module:
    anchor: Anchor = space.anchors[number]
    options = {k: space.options[k] for k in ("num_classes", "in_chans", "img_size")}
    return create(anchor.name, **options_for(anchor.name, **options))
