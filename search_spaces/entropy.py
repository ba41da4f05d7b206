"""Entropy and effectiveness of a network, from its operator table (DeepMAD, Shen et al., CVPR 2023).

Plain words: a deep network holds more information the wider its layers are, but a network too deep for its width
cannot be trained. ``score`` says how much it holds, ``rho`` how deep it is for its width.

Equations (sections 2.1 and 2.2 of the project's notes on the released code), over the D_t main-path convolutions from
the image to the end of scale t, with w = c_in k^2 / g the fan-in of a convolution:

    E_t = 1/2 sum ln w         H_t = ln(C_t r_t^2) E_t         score = sum_t alpha_t H_t, alpha = (1, .., 1, 8)
    rho_t = D_t / exp(mean ln w) = D_t exp(-2 E_t / D_t)       rho = max_t rho_t

A scale ends before the block that makes the map smaller. Shortcut projections, gates and the classifier do not count.
Linears on the main path count as 1x1 convolutions. NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import exp, log

import numpy as np

from search_spaces.errors import NasError, unknown_name
from search_spaces.operators import Kind, OperatorTable, Role


@dataclass(frozen=True)
class Convention:
    """The points on which the paper, the released code and a sound reading differ."""

    name: str
    about: str
    entropy_factor: float = 0.5
    """E is this times sum ln w."""
    gates_hide_resolution: bool = False
    """Whether r_t counts as 1 behind the first squeeze-excitation."""


CONVENTIONS = {
    c.name: c
    for c in (
        Convention("sound", "E with the factor 1/2, the true r_t everywhere"),
        Convention(
            "released", "the released code: as sound, but r_t = 1 behind the first squeeze-excitation, by a defect",
            gates_hide_resolution=True,
        ),
        Convention("paper", "as printed: E without the factor 1/2, the true r_t", entropy_factor=1.0),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """One scale t: ``stage`` where it ends, D, E, C, the map there, rho_t and H_t (before its weight alpha).

    The map of N tokens is N high and one wide.
    """

    stage: str
    depth: int
    entropy: float
    channels: int
    height: int
    width: int
    rho: float
    score: float


@dataclass(frozen=True)
class Effectiveness:
    """Entropy and effectiveness of one network; ``depth`` and ``entropy`` over the whole main path."""

    convention: str
    scales: tuple[Scale, ...]
    weights: tuple[float, ...]

    @property
    def depth(self) -> int:
        """D: convolutions on the main path before the classifier."""
        return self.scales[-1].depth

    @property
    def entropy(self) -> float:
        """E of the whole main path."""
        return self.scales[-1].entropy

    @property
    def score(self) -> float:
        """H = sum_t alpha_t ln(C_t r_t^2) E_t."""
        return sum(alpha * scale.score for alpha, scale in zip(self.weights, self.scales, strict=True))

    @property
    def rho(self) -> float:
        """The largest rho_t: what DeepMAD bounds (0.3 for its residual nets, 0.5 for the depthwise ones)."""
        return max(scale.rho for scale in self.scales)

    @property
    def rho_last(self) -> float:
        """rho_t over the whole depth: the paper's L / w."""
        return self.scales[-1].rho


def effectiveness(table: OperatorTable, convention: str = "sound") -> Effectiveness:
    """Entropy and effectiveness of the one architecture of ``table``, of a space or traced.

    Raises NasError for a table of several architectures or without a convolution on its main path, UnknownName for an
    unknown convention.
    """
    if convention not in CONVENTIONS:
        raise unknown_name("entropy convention", convention, CONVENTIONS)
    if table.size != 1:
        raise NasError(f"effectiveness is of one architecture, the table holds {table.size}")
    rows = np.flatnonzero((table["role"] == Role.MAIN) & np.isin(table["kind"], (Kind.CONV, Kind.LINEAR)))
    if not len(rows):
        raise NasError("no convolution on the main path: there is no entropy to measure")
    starts = scale_starts(table, rows.tolist())
    ends = [*(start - 1 for start in starts[1:]), len(rows) - 1]
    scales = tuple(_scale(table, rows[: end + 1].tolist(), CONVENTIONS[convention]) for end in ends)
    return Effectiveness(convention, scales, (*[1.0] * (len(scales) - 1), 8.0))


def _scale(table: OperatorTable, rows: list[int], convention: Convention) -> Scale:
    """The scale that the last of ``rows`` ends; ``rows`` are the main path from the image on."""
    logs = 2 * table.row_entropy[rows]
    depth, total, last = len(rows), float(logs.sum()), rows[-1]
    channels, height, width = (int(table[name][last]) for name in ("c_out", "h_out", "w_out"))
    hidden = convention.gates_hide_resolution and bool((table["role"][:last] == Role.GATE).any())
    entropy, volume = convention.entropy_factor * total, channels * (1 if hidden else height * width)
    rho = depth * exp(-total / depth)
    stage = table.stages[table["stage"][last]]
    return Scale(stage, depth, entropy, channels, height, width, rho, log(volume) * entropy)


# ---- where scales begin -----------------------------------------------------------------------------------------


def scale_starts(table: OperatorTable, rows: Sequence[int]) -> list[int]:
    """Positions in ``rows`` (main-path convolutions) at which a scale begins; the first is 0.

    A scale begins with the block whose convolution, or the pool before it, makes the map smaller. Where rows have
    names (traced modules) a block is the longest shared module path that reaches back from there without crossing a
    sum; in tables of spaces it is the stage.
    """
    area = (table["h_out"] * table["w_out"]).tolist()
    starts, current = [0], area[rows[0]]
    for i, row in enumerate(rows):
        if 2 * area[row] <= current:  # less is an unpadded edge, not a scale
            starts.append(_block_start(table, rows, i, starts[-1]))
            current = area[row]
    return starts


def _block_start(table: OperatorTable, rows: Sequence[int], i: int, earliest: int) -> int:
    """First position of the block that contains position ``i``, or ``i`` where none can be told."""
    pairs = zip(_path(table, rows[i]), _path(table, rows[i - 1]), strict=False)
    block = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    start = i
    while block and start > 0 and _path(table, rows[start - 1])[: len(block)] == block:
        start -= 1
        if start <= earliest or _sum_between(table, rows[start], rows[i]):
            return i  # a container of blocks, not a block
    return start


def _path(table: OperatorTable, row: int) -> list[str]:
    return table.names[row].split(".") if table.names else [table.stages[table["stage"][row]]]


def _sum_between(table: OperatorTable, first: int, last: int) -> bool:
    """Whether a residual sum of the main path lies between two rows: a block has ended there."""
    between = slice(first, last)
    return bool(((table["kind"][between] == Kind.ADD) & (table["role"][between] == Role.MAIN)).any())
