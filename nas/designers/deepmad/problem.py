"""The optimisation problem of section 2.3, as data: what is designed, on which grid, under which limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .conventions import SOUND, Convention, balanced_stages, scored_stage
from .errors import DesignError
from .evaluate import Evaluation, evaluate
from .families import CONVS, NAMES, Array
from .grid import Grid, default_grid
from .limits import off_grid
from .structure import Structure

#: Strides of the stages behind a stem of stride 2, and the head, in the released configurations (section 2.5).
SKELETONS: dict[str, tuple[tuple[int, ...], int | None]] = {
    "resnet": ((2, 2, 2, 1, 2), None),
    "resnet_basic": ((2, 2, 2, 1, 2), None),
    "mobilenet": ((2, 2, 2, 2, 1), 1792),
    "mobilenet_se": ((2, 2, 2, 2, 1), 1792),
}

#: A resource beyond the closed forms: (stage, cin, cout, b, k, resolution, stride, first) -> amount, vectorised and
#: growing with the widths; stem and head are free.
Resource = Callable[[int, Any, Any, Any, Any, float, int, bool], Array]


@dataclass(frozen=True, slots=True)
class Problem:
    """Maximise ``score - penalty`` subject to ``budgets`` (amount -> limit), rho, and the grid's structural limits."""

    family: str
    budgets: Mapping[str, float]
    rho: float
    convention: Convention = SOUND
    grid: Grid = field(default=None)  # type: ignore[assignment]  # filled in below
    strides: tuple[int, ...] = ()
    head: int | None = None
    resolution: int = 224
    non_decreasing: bool = True
    extra: Mapping[str, Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.family not in CONVS:
            raise DesignError(f"unknown family {self.family!r}; known: {', '.join(CONVS)}", known=list(CONVS))
        strides, head = SKELETONS[self.family]
        defaults = {"grid": self.grid or default_grid(self.family), "strides": self.strides or strides}
        if not self.strides and self.head is None:
            defaults["head"] = head
        for name, value in defaults.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        known = (*NAMES[1:], *self.extra)
        for name, limit in self.budgets.items():
            if name not in known:
                raise DesignError(f"unknown budget {name!r}; known: {', '.join(known)}", known=list(known))
            if not (isinstance(limit, int | float) and math.isfinite(limit) and limit > 0):
                raise DesignError(f"budget {name!r} must be a positive number, got {limit!r}")
        if not 0 < self.rho <= 2:
            raise DesignError(f"rho must lie in (0, 2], got {self.rho!r}")
        if len(self.strides) < 3 or any(s not in (1, 2) for s in self.strides):
            raise DesignError(f"expected at least three stages of stride 1 or 2, got {self.strides}")
        if self.scored[-1] >= len(self.convention.alphas):
            raise DesignError(f"at most {len(self.convention.alphas)} scored stages, got strides {self.strides}")

    @property
    def scored(self) -> list[int]:
        """Scored stage t of every stage (section 2.1)."""
        return scored_stage(self.strides)

    @property
    def alphas(self) -> tuple[float, ...]:
        """Weights of the scored stages of this skeleton."""
        return self.convention.alphas[-(self.scored[-1] + 1) :]

    @property
    def balanced(self) -> list[int]:
        """Stages whose depths the penalty balances."""
        return balanced_stages(self.family, len(self.strides))

    def resolutions(self) -> list[float]:
        """Feature-map edge in front of every stage, and behind the last."""
        edges = [self.resolution / 2]
        for stride in self.strides:
            edges.append(edges[-1] / stride)
        return edges

    def widths(self, stage: int) -> tuple[int, ...]:
        """Allowed widths of a stage (0-based)."""
        return tuple(v for v in self.grid.out if v <= self.grid.out_max.get(stage + 1, v))

    def off_grid(self, structure: Structure) -> list[str]:
        """Every way in which ``structure`` leaves the grid or its structural limits."""
        return list(off_grid(self, structure))

    def evaluate(self, structure: Structure) -> Evaluation:
        """Exact evaluation under this problem's convention, extra resources included."""
        found = evaluate(structure, self.convention, self.resolution)
        for name, resource in self.extra.items():
            found.amounts[name] = _extra_amount(resource, structure, self.resolutions())
        return found

    def violations(self, structure: Structure) -> dict[str, tuple[float, float]]:
        """Constraint -> (value, limit) for every budget or rho that ``structure`` breaks."""
        found = self.evaluate(structure)
        pairs = {name: (found.amounts[name], limit) for name, limit in self.budgets.items()} | {
            "rho": (found.rho, self.rho)
        }
        return {name: pair for name, pair in pairs.items() if pair[0] > pair[1]}


def _extra_amount(resource: Resource, structure: Structure, edges: list[float]) -> float:
    total, cin = 0.0, structure.stem.out
    for i, s in enumerate(structure.stages):
        total += float(resource(i, cin, s.out, s.bottleneck, s.kernel, edges[i], s.stride, True))
        again = resource(i, s.out, s.out, s.bottleneck, s.kernel, edges[i + 1], 1, False)
        total, cin = total + (s.depth - 1) * float(again), s.out
    return total
