"""Names that a form can offer, from the registries that the engine itself asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.objectives import Objective

Choices = tuple[tuple[str, str], ...]


def choices(kind: str, name: str) -> Choices:
    """(value, label) of what a field may hold; () where it is free."""
    found = SOURCES.get((kind, name))
    return found() if found else ()


def usual(kind: str, name: str) -> tuple[str, ...]:
    """What an empty choice of several stands for."""
    from nas.objectives import DEFAULT_OBJECTIVES

    return DEFAULT_OBJECTIVES if (kind, name) == ("search", "objectives") else ()


def _spaces() -> Choices:
    from search_spaces import list_spaces

    # Stitching needs anchors, which a form of a search does not ask for: it has a kind of its own.
    return tuple((name, name) for name in list_spaces() if name != "stitching")


def _objectives() -> Choices:
    from nas.objectives import DEFAULT_OBJECTIVES, TABLE_OBJECTIVES
    from predictors.latency import list_profiles

    names = dict.fromkeys([*DEFAULT_OBJECTIVES, *TABLE_OBJECTIVES])
    table = ((name, _goal(TABLE_OBJECTIVES[name])) for name in names)
    return (*table, *((f"latency@{device}", f"low latency on {device}") for device in list_profiles()))


def _goal(objective: Objective) -> str:
    label = objective.label if objective.label[1:2].isupper() else objective.label[:1].lower() + objective.label[1:]
    return f"{'high' if objective.direction == 'max' else 'low'} {label}"


def _families() -> Choices:
    from nas.designers.question import FAMILIES

    return tuple((name, name) for name in FAMILIES)


def _samplers() -> Choices:
    from nas.training.samplers.registry import SAMPLERS

    return tuple((name, name) for name in SAMPLERS)


def _devices() -> Choices:
    from predictors.latency import list_profiles

    return tuple((name, name) for name in ("auto", *list_profiles()))


SOURCES: dict[tuple[str, str], Callable[[], Choices]] = {
    ("search", "space"): _spaces, ("train", "space"): _spaces, ("search", "objectives"): _objectives,
    ("design", "family"): _families, ("train", "sampler"): _samplers, ("profile", "start"): _devices,
}  # fmt: skip
