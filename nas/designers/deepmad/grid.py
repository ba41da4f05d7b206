"""The discrete choices of a design: widths, kernels and depths, and the structural limits between them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import DesignError

_CAP = re.compile(r"out_(\d+)\s*<=\s*(\d+)")
_BOTTLENECK = re.compile(r"bottleneck between (\S+) and (\S+)")
_GROWTH = re.compile(r"out_s between out_\(s-1\) and (\d+(?:\.\d+)?) out_\(s-1\)")
_FACTOR = re.compile(r"(?:(\d+(?:\.\d+)?)\s*\*?\s*)?out(?:/(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class Grid:
    """Every allowed value. ``bottleneck_ratio`` bounds b / out; ``growth`` bounds out_s / out_(s-1) from above."""

    out: tuple[int, ...]
    bottleneck: tuple[int, ...]
    kernel: tuple[int, ...]
    stem: tuple[int, ...]
    depth_max: int = 24
    first_depth_max: int = 3
    out_max: Mapping[int, int] = field(default_factory=dict)  # stage (1-based) -> widest out
    bottleneck_ratio: tuple[float, float] = (0.1, 1.0)
    growth: float = 4.0

    def __post_init__(self) -> None:
        for name in ("out", "bottleneck", "kernel", "stem"):
            values = getattr(self, name)
            if not values or any(not isinstance(v, int) or v < 1 for v in values):
                raise DesignError(f"grid: {name!r} must list positive integers, got {list(values)}")
            object.__setattr__(self, name, tuple(sorted(set(values))))
        if min(self.depth_max, self.first_depth_max) < 1:
            raise DesignError("grid: depths must be at least 1")
        if not 0 <= self.bottleneck_ratio[0] <= self.bottleneck_ratio[1] or self.growth <= 0:
            raise DesignError("grid: ratios must be positive and in order")

    def depths(self, stage: int) -> int:
        """The deepest allowed stage ``stage`` (0-based)."""
        return min(self.depth_max, self.first_depth_max) if stage == 0 else self.depth_max

    def to_json(self) -> dict[str, Any]:
        """The grid in the file format of ``--grid``."""
        low, high = self.bottleneck_ratio
        caps = ", ".join(f"out_{s} <= {cap}" for s, cap in sorted(self.out_max.items()))
        rules = [
            f"bottleneck between {low!r}*out and {high!r}*out",
            f"out_s between out_(s-1) and {self.growth!r} out_(s-1)",
        ]
        return {
            "out": list(self.out),
            "bottleneck": list(self.bottleneck),
            "kernel": list(self.kernel),
            "stem": list(self.stem),
            "depth": {"first_stage_max": self.first_depth_max, "max": self.depth_max},
            "rules": ([caps] if caps else []) + rules,
        }


def default_grid(family: str) -> Grid:
    """Every multiple of 8 within the limits of the released search spaces (section 2.3)."""
    if family.startswith("resnet"):
        return Grid(_eights(8, 2048), _eights(8, 512), (3, 5), _eights(8, 32), out_max={1: 128, 2: 512})
    return Grid(_eights(8, 1280), _eights(8, 7680), (3, 5, 7), _eights(16, 32), bottleneck_ratio=(1.5, 6.0))


def _eights(low: int, high: int) -> tuple[int, ...]:
    return tuple(range(low, high + 1, 8))


def load_grid(path: str | Path) -> Grid:
    """Read a grid file in the format of ``cases/deepmad_grid_a.json``."""
    try:
        return grid_from_json(json.loads(Path(path).read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise DesignError(f"cannot read the grid {str(path)!r}: {error}") from error


def grid_from_json(data: Mapping[str, Any]) -> Grid:
    """A grid from its JSON form; an unknown rule is an error, never ignored."""
    try:
        depth = data.get("depth", {})
        return Grid(
            out=tuple(data["out"]),
            bottleneck=tuple(data["bottleneck"]),
            kernel=tuple(data["kernel"]),
            stem=tuple(data["stem"]),
            depth_max=int(depth.get("max", 24)),
            first_depth_max=int(depth.get("first_stage_max", depth.get("max", 24))),
            **_rules(data.get("rules", ())),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DesignError(f"not a grid: {error!r}; expected out, bottleneck, kernel, stem, depth, rules") from error


def _rules(rules: Any) -> dict[str, Any]:
    """Without a rule there is no limit."""
    found: dict[str, Any] = {"out_max": {}, "bottleneck_ratio": (0.0, float("inf")), "growth": float("inf")}
    for rule in rules:
        if match := _BOTTLENECK.fullmatch(rule):
            found["bottleneck_ratio"] = (_factor(match[1]), _factor(match[2]))
        elif match := _GROWTH.fullmatch(rule):
            found["growth"] = float(match[1])
        elif caps := _CAP.findall(rule):
            found["out_max"] |= {int(s): int(cap) for s, cap in caps}
        else:
            raise DesignError(f"grid: cannot read the rule {rule!r}")
    return found


def _factor(text: str) -> float:
    """``out/10`` -> 0.1, ``out`` -> 1, ``1.5*out`` -> 1.5."""
    match = _FACTOR.fullmatch(text.strip())
    if not match:
        raise DesignError(f"grid: cannot read the width {text!r} (expected out, out/10 or 1.5*out)")
    return float(match[1] or 1) / float(match[2] or 1)
