"""A staged CNN as plain numbers: a stem convolution, a chain of stages, an optional 1x1 head convolution."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DesignError

#: Class names of the released structure files -> the family of this module.
RELEASED_CLASSES = {
    "SuperResK1KXK1": "resnet",
    "SuperResKXKX": "resnet_basic",
    "SuperResK1DWK1": "mobilenet",
    "SuperResK1DWSEK1": "mobilenet_se",
}


@dataclass(frozen=True, slots=True)
class Conv:
    """A plain convolution with batch norm and ReLU: the stem (3x3, stride 2) or the head (1x1)."""

    out: int
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class Stage:
    """``depth`` equal blocks; the first one changes the width and carries the stride."""

    out: int
    bottleneck: int
    kernel: int
    depth: int
    stride: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What the solver designs; widths of neighbours agree by construction, ``in`` is never stored."""

    family: str
    stem: Conv
    stages: tuple[Stage, ...]
    head: Conv | None = None

    def to_json(self) -> dict[str, Any]:
        """The structure as JSON-able data; :func:`structure_from_json` is its inverse."""
        stages = [
            {"out": s.out, "bottleneck": s.bottleneck, "kernel": s.kernel, "depth": s.depth, "stride": s.stride}
            for s in self.stages
        ]
        convs = {"stem": self.stem, "head": self.head}
        ends = {n: c and {"out": c.out, "kernel": c.kernel, "stride": c.stride} for n, c in convs.items()}
        return {"family": self.family, "stem": ends["stem"], "stages": stages, "head": ends["head"]}


def structure_from_json(data: Mapping[str, Any]) -> Structure:
    """The inverse of :meth:`Structure.to_json`."""
    try:
        head = Conv(**data["head"]) if data.get("head") else None
        stages = tuple(Stage(**stage) for stage in data["stages"])
        return Structure(str(data["family"]), Conv(**data["stem"]), stages, head)
    except (KeyError, TypeError) as error:
        raise DesignError(f"not a structure: {error}; expected family, stem, stages, head") from error


def structure_from_released(rows: Sequence[Mapping[str, Any]]) -> Structure:
    """A structure list as the released code writes it (class, in, out, k, s, btn, L), its chain of widths checked."""
    try:
        _check_chain(rows)
        body = [row for row in rows if row["class"] in RELEASED_CLASSES]
        families = {RELEASED_CLASSES[row["class"]] for row in body}
        if len(families) != 1 or rows[0] in body:
            raise DesignError(f"expected a stem and stages of one family, got {[row['class'] for row in rows]}")
        stages = tuple(Stage(row["out"], row["btn"], row["k"], row["L"], row["s"]) for row in body)
        first, last = (Conv(row["out"], row["k"], row["s"]) for row in (rows[0], rows[-1]))
        return Structure(families.pop(), first, stages, None if rows[-1] in body else last)
    except (KeyError, IndexError, TypeError) as error:
        raise DesignError(f"not a released structure list: {error!r}") from error


def _check_chain(rows: Sequence[Mapping[str, Any]]) -> None:
    for i, (before, row) in enumerate(itertools.pairwise(rows), start=1):
        if row["in"] != before["out"]:
            raise DesignError(
                f"broken chain of widths: block {i} takes {row['in']}, block {i - 1} gives {before['out']}"
            )
