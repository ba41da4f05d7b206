"""Named objectives: direction, unit, and what one value costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nas.devices import device_quantity
from nas.errors import ObjectiveError
from predictors.training_free import DEFAULT_PROXIES
from search_spaces.errors import unknown_name

Direction = Literal["max", "min"]
CostClass = Literal["table", "proxy", "trained"]


@dataclass(frozen=True)
class Objective:
    """``cost`` says who computes it: the operator table (microseconds, batched) or a training-free proxy (a second),
    or a trained supernet (seconds).

    A value divided by ``scale`` is in ``unit``.
    """

    name: str
    direction: Direction
    label: str
    unit: str
    scale: float
    cost: CostClass = "table"

    @property
    def sign(self) -> float:
        """Multiply a value by it and smaller is better."""
        return -1.0 if self.direction == "max" else 1.0


TABLE_OBJECTIVES = {
    o.name: o
    for o in (
        Objective("macs", "min", "MACs", "M", 1e6),
        Objective("params", "min", "Parameters", "M", 1e6),
        Objective("activations", "min", "Activations", "M", 1e6),
        Objective("memory", "min", "Peak activation memory", "MB", 1e6),
        Objective("capacity", "max", "Capacity", "", 1.0),
    )
}
DEFAULT_OBJECTIVES = ("capacity", "macs")
INHERITED = "inherited_accuracy"
"""Accuracy with a supernet's weights: an objective of ``nas search --supernet`` only."""
INHERITED_OBJECTIVE = Objective(INHERITED, "max", "Inherited accuracy", "%", 0.01, "trained")


def table_objective(name: str) -> Objective | None:
    """The objective ``name`` if the operator table gives it (alone, or with a device's profile), else None."""
    device = device_quantity(name)
    if device is not None:
        return Objective(device.name, "min", device.label, device.unit, device.scale)
    return TABLE_OBJECTIVES.get(name)


def get_objective(name: str) -> Objective:
    """The objective ``name``. Raises UnknownName with a suggestion where one is close.

    A device's profile is looked for only when the search begins.
    """
    table = table_objective(name)
    if table is not None:
        return table
    if name == INHERITED:
        return INHERITED_OBJECTIVE
    from predictors.training_free import get_proxy, list_proxies

    proxies = list_proxies()
    if name not in proxies:
        raise unknown_name("objective", name, [*TABLE_OBJECTIVES, "latency@DEVICE", *proxies])
    return Objective(name, "max" if get_proxy(name).direction == "max" else "min", name, "", 1.0, "proxy")


def get_objectives(names: Sequence[str] | None) -> tuple[Objective, ...]:
    """The objectives of a search; None means the default pair. Raises UnknownName or ObjectiveError."""
    chosen = tuple(get_objective(n) for n in dict.fromkeys(names or DEFAULT_OBJECTIVES))
    if len(chosen) > 6:
        raise ObjectiveError(f"{len(chosen)} objectives: a front of more than 6 holds nearly everything; choose fewer")
    return chosen


def costs_of(objectives: Sequence[Objective], values: Mapping[str, Any]) -> NDArray[np.float64]:
    """Values by name, each (N,), as costs of shape (N, M), one column per objective: all to be minimised."""
    return np.stack([values[o.name] * o.sign for o in objectives], axis=1).astype(float)


__all__ = [
    "DEFAULT_OBJECTIVES", "DEFAULT_PROXIES", "TABLE_OBJECTIVES", "Objective", "costs_of", "get_objective",
    "get_objectives", "table_objective",
]  # fmt: skip
