"""Names of search spaces: ours, and those that other packages register through an entry point."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from search_spaces.errors import SpaceError, unknown_name
from search_spaces.space import SearchSpace

ENTRY_POINT_GROUP = "nas.search_spaces"

BUILT_IN = {
    "autoformer": "search_spaces.autoformer:AutoFormer",
    "autoformer-small": "search_spaces.autoformer.small:AutoFormerSmall",
    "asvit": "search_spaces.asvit:AsViT",
    "convnet": "search_spaces.convnet:ConvNet",
    "elasticvit": "search_spaces.elasticvit:ElasticViT",
    "elasticvit-small": "search_spaces.elasticvit.small:ElasticViTSmall",
    "sorted_net": "search_spaces.sorted_net:SortedNet",
    "stitching": "search_spaces.stitching:Stitching",
    "vit_resnas": "search_spaces.vit_resnas:VitResNAS",
    "vit_resnas-small": "search_spaces.vit_resnas.small:VitResNASSmall",
}


def _targets() -> dict[str, str]:
    return {e.name: e.value for e in entry_points(group=ENTRY_POINT_GROUP)} | BUILT_IN


def list_spaces() -> list[str]:
    """Names of every space that can be had here, sorted."""
    return sorted(_targets())


def space_class(name: str) -> type[SearchSpace]:
    """The class behind a name. Raises UnknownName, with a suggestion where one is close."""
    targets = _targets()
    if name not in targets:
        raise unknown_name("space", name, targets)
    module, _, attribute = targets[name].partition(":")
    return getattr(import_module(module), attribute)  # type: ignore[no-any-return]


def get_space(name: str, **options: Any) -> SearchSpace:
    """The space ``name`` with its options (such as ``num_classes=10``). Raises UnknownName or SpaceError."""
    cls = space_class(name)
    allowed = list(inspect.signature(cls).parameters)
    for option in options:
        if option not in allowed:
            raise SpaceError(f"space {name} has no option {option!r} (known: {', '.join(allowed) or 'none'})")
    return cls(**options)
