"""The operator table: every architecture as rows of primitive operators with their shapes.

It is the one description that pricing, latency models, entropy and drawings read. A table is *batched*: it holds the
rows of many architectures, column by column in NumPy, and never a Python object per operator. Batch size is one image.

Matrix products share one shape convention, so that a single formula counts them all::

    MACs = c_in / groups * c_out * kernel_h * kernel_w * h_out * w_out

- convolution: as it stands;
- linear over N tokens: kernel 1x1, ``h_out * w_out = N``;
- attention logits q k^T of h heads of width d over N tokens: ``c_in = h d``, ``c_out = h N``, ``groups = h``;
- attention times values of width v: ``c_in = h N``, ``c_out = h v``, ``groups = h``.

MACs are multiply-accumulates of convolutions, linears and the two attention products, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

BYTES_PER_ELEMENT = 4
"""Peak memory is stated for float32 activations."""


class Kind(IntEnum):
    """What an operator computes."""

    CONV = 0
    LINEAR = 1
    MATMUL = 2
    BATCH_NORM = 3
    LAYER_NORM = 4
    ACTIVATION = 5
    SOFTMAX = 6
    POOL = 7
    ADD = 8
    MUL = 9
    PARAMETER = 10
    RESIZE = 11


class Role(IntEnum):
    """Where an operator stands: on the main path, or beside it. Entropy (DeepMAD) reads the main path only."""

    MAIN = 0
    SHORTCUT = 1
    GATE = 2
    HEAD = 3


FUNCTIONS = ("", "relu", "hard_swish", "hard_sigmoid", "gelu", "silu", "sigmoid", "tanh", "average", "max", "global")
"""Names behind the ``function`` column: which activation, which pooling."""

PRODUCTS = (Kind.CONV, Kind.LINEAR, Kind.MATMUL)
IN_PLACE = (Kind.BATCH_NORM, Kind.ACTIVATION, Kind.SOFTMAX, Kind.ADD, Kind.MUL)
"""Kinds that inference runtimes fold or run in place: they need no memory for their output."""

COLUMNS = (
    "arch", "stage", "kind", "role", "function", "c_in", "c_out", "kernel_h", "kernel_w", "stride", "groups",
    "h_in", "w_in", "h_out", "w_out", "params", "held",
)  # fmt: skip

DEFAULTS = {"role": int(Role.MAIN), "function": 0, "params": 0, "held": 0}
"""Of a row that does not say; every other column is 1."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class OperatorTable:
    """Rows of operators of ``size`` architectures.

    ``columns`` maps each name of :data:`COLUMNS` to an int64 array of one length. ``arch`` says whose row it is
    (0 .. size-1) and ``stage`` indexes ``stages``. ``params`` are the trainable parameters that the row owns; shared
    ones stand on their first row only. ``held`` are elements of other tensors alive while the row runs (a residual,
    a second operand), beside what it reads and writes. Rows of one architecture stand in execution order.
    """

    columns: dict[str, IntArray]
    size: int
    stages: tuple[str, ...]
    names: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.columns["arch"])

    def __getitem__(self, column: str) -> IntArray:
        return self.columns[column]

    @property
    def row_macs(self) -> IntArray:
        """MACs of each row, shape (rows,)."""
        c = self.columns
        volume = c["c_in"] // c["groups"] * c["c_out"] * c["kernel_h"] * c["kernel_w"] * c["h_out"] * c["w_out"]
        return np.where(np.isin(c["kind"], PRODUCTS), volume, 0)

    @property
    def row_activations(self) -> IntArray:
        """Elements written by convolutions, linears and attention products, shape (rows,)."""
        c = self.columns
        return np.where(np.isin(c["kind"], PRODUCTS), c["c_out"] * c["h_out"] * c["w_out"], 0)

    @property
    def row_memory(self) -> IntArray:
        """Bytes alive while each row runs in float32: what it reads, writes and what is held, shape (rows,)."""
        c = self.columns
        read, written = c["c_in"] * c["h_in"] * c["w_in"], c["c_out"] * c["h_out"] * c["w_out"]
        written = np.where(np.isin(c["kind"], IN_PLACE), 0, written)
        alive = np.where(c["kind"] == Kind.PARAMETER, 0, read + written + c["held"])
        return alive * BYTES_PER_ELEMENT

    @property
    def row_entropy(self) -> FloatArray:
        """1/2 ln(c_in k^2 / g) of main-path convolutions and linears, 0 elsewhere (DeepMAD, the E of a layer)."""
        c = self.columns
        fan_in = c["c_in"] // c["groups"] * c["kernel_h"] * c["kernel_w"]
        counted = (c["role"] == Role.MAIN) & np.isin(c["kind"], (Kind.CONV, Kind.LINEAR))
        return np.where(counted, 0.5 * np.log(np.maximum(fan_in, 1)), 0.0)

    @property
    def macs(self) -> IntArray:
        """MACs of each architecture, shape (size,)."""
        return self.total(self.row_macs)

    @property
    def params(self) -> IntArray:
        """Trainable parameters of each architecture, shape (size,)."""
        return self.total(self.columns["params"])

    @property
    def activations(self) -> IntArray:
        """Elements written by convolutions, linears and attention products, shape (size,)."""
        return self.total(self.row_activations)

    @property
    def memory_bytes(self) -> IntArray:
        """Peak activation memory in bytes, float32, batch 1: a maximum over operators, shape (size,)."""
        peak = np.zeros(self.size, dtype=np.int64)
        np.maximum.at(peak, self.columns["arch"], self.row_memory)
        return peak

    @property
    def entropy(self) -> FloatArray:
        """E: the sum of :attr:`row_entropy`, shape (size,)."""
        return np.bincount(self.columns["arch"], self.row_entropy, self.size).astype(np.float64)

    @property
    def volume(self) -> IntArray:
        """C h w of the last main-path product of each architecture (0 where there is none), shape (size,)."""
        c = self.columns
        main = (c["role"] == Role.MAIN) & np.isin(c["kind"], (Kind.CONV, Kind.LINEAR))
        out = np.zeros(self.size, dtype=np.int64)
        out[c["arch"][main]] = (c["c_out"] * c["h_out"] * c["w_out"])[main]
        return out

    def total(self, values: IntArray) -> IntArray:
        """Sum a per-row integer quantity by architecture, shape (size,). Exact below 2^53."""
        return np.bincount(self.columns["arch"], values, self.size).astype(np.int64)

    def select(self, mask: NDArray[np.bool_]) -> OperatorTable:
        """The rows where ``mask`` (shape (rows,)) holds, of the same architectures."""
        names = tuple(name for name, keep in zip(self.names, mask, strict=True) if keep) if self.names else ()
        return OperatorTable({k: v[mask] for k, v in self.columns.items()}, self.size, self.stages, names)

    def by_stage(self) -> list[tuple[str, OperatorTable]]:
        """The table cut at its stages, in order; empty stages are left out."""
        parts = [(name, self.select(self.columns["stage"] == i)) for i, name in enumerate(self.stages)]
        return [(name, part) for name, part in parts if len(part)]


class TableBuilder:
    """Collects rows for ``size`` architectures at once; every argument is a scalar or an array of shape (size,).

    ``where`` (a mask of shape (size,)) leaves a row out of some architectures: that is how depth is expressed.
    """

    def __init__(self, size: int, stages: Sequence[str]) -> None:
        self.size = size
        self.stages = tuple(stages)
        self.stage = 0
        self._everyone = np.arange(size)
        self._blocks: list[tuple[int, dict[str, ArrayLike]]] = []  # rows, and what is not as in DEFAULTS

    def enter(self, stage: str) -> None:
        """Rows added from here on belong to ``stage``."""
        self.stage = self.stages.index(stage)

    def add(self, kind: Kind, *, where: ArrayLike = True, function: str = "", **shape: ArrayLike) -> None:
        """Append one row per architecture. Shape columns that are not given are 1, ``params`` and ``held`` 0."""
        arch = self._everyone if where is True else np.flatnonzero(np.broadcast_to(where, (self.size,)))
        if len(arch):
            row: dict[str, ArrayLike] = {"stage": self.stage, "kind": int(kind), "arch": arch}
            row["function"] = FUNCTIONS.index(function)
            self._blocks.append((len(arch), row | {c: self._of(arch, v) for c, v in shape.items()}))

    def _of(self, arch: IntArray, value: ArrayLike) -> ArrayLike:
        """``value`` of the architectures ``arch``; one number for all of them stays one, to be written once."""
        array = np.asarray(value, dtype=np.int64)
        return array if array.ndim == 0 else np.broadcast_to(array, (self.size,))[arch]

    def conv(
        self, c_in: ArrayLike, c_out: ArrayLike, kernel: ArrayLike, side_in: ArrayLike, side_out: ArrayLike, *,
        stride: ArrayLike = 1, groups: ArrayLike = 1, bias: bool = False, role: Role = Role.MAIN,
        held: ArrayLike = 0, where: ArrayLike = True,
    ) -> None:  # fmt: skip
        """A square 2-D convolution on square maps."""
        k, c_o = np.asarray(kernel, dtype=np.int64), np.asarray(c_out, dtype=np.int64)
        params = np.asarray(c_in) // np.asarray(groups) * c_o * k * k + (c_o if bias else 0)
        self.add(
            Kind.CONV, where=where, role=int(role), c_in=c_in, c_out=c_out, kernel_h=k, kernel_w=k, stride=stride,
            groups=groups, h_in=side_in, w_in=side_in, h_out=side_out, w_out=side_out, params=params, held=held,
        )  # fmt: skip

    def linear(
        self, c_in: ArrayLike, c_out: ArrayLike, side: ArrayLike = 1, *, bias: bool = True, role: Role = Role.MAIN,
        held: ArrayLike = 0, where: ArrayLike = True, extra_tokens: int = 0,
    ) -> None:  # fmt: skip
        """A linear layer on side x side tokens (plus ``extra_tokens``, such as a class token)."""
        tokens = np.asarray(side, dtype=np.int64) ** 2 + extra_tokens
        c_o = np.asarray(c_out, dtype=np.int64)
        self.add(
            Kind.LINEAR, where=where, role=int(role), c_in=c_in, c_out=c_out, h_in=tokens, h_out=tokens,
            params=np.asarray(c_in) * c_o + (c_o if bias else 0), held=held,
        )  # fmt: skip

    def attention(
        self, heads: ArrayLike, qk_dim: ArrayLike, v_dim: ArrayLike, tokens: ArrayLike, *,
        held: ArrayLike = 0, where: ArrayLike = True, bias_params: ArrayLike = 0,
    ) -> None:  # fmt: skip
        """Logits, softmax and the product with V for all heads; ``bias_params`` are relative position biases."""
        h, n = np.asarray(heads, dtype=np.int64), np.asarray(tokens, dtype=np.int64)
        qk, v = h * np.asarray(qk_dim), h * np.asarray(v_dim)
        live = np.asarray(held) + v * n
        self.add(Kind.MATMUL, where=where, c_in=qk, c_out=h * n, groups=h, h_in=n, h_out=n, held=live + qk * n)
        self.add(Kind.PARAMETER, where=np.asarray(where) & (np.asarray(bias_params) > 0), params=bias_params)
        self.add(Kind.SOFTMAX, where=where, c_in=h * n, c_out=h * n, h_in=n, h_out=n, held=live)
        self.add(Kind.MATMUL, where=where, c_in=h * n, c_out=v, groups=h, h_in=n, h_out=n, held=live)

    def pointwise(
        self, kind: Kind, channels: ArrayLike, side: ArrayLike = 1, *, function: str = "", role: Role = Role.MAIN,
        params: ArrayLike = 0, held: ArrayLike = 0, where: ArrayLike = True,
    ) -> None:  # fmt: skip
        """A norm, activation, add or multiply: one output element per input element."""
        self.add(
            kind, where=where, function=function, role=int(role), c_in=channels, c_out=channels, h_in=side, w_in=side,
            h_out=side, w_out=side, params=params, held=held,
        )  # fmt: skip

    def append(self, arch: int, table: OperatorTable) -> None:
        """Append the rows of a table of size 1 to one architecture, in the stage that was entered last."""
        rows = np.full(len(table), arch, dtype=np.int64), np.full(len(table), self.stage, dtype=np.int64)
        self._blocks.append((len(table), {**table.columns, "arch": rows[0], "stage": rows[1]}))

    def table(self) -> OperatorTable:
        """The finished table; rows of one architecture keep the order in which they were added."""
        rows = sum(n for n, _ in self._blocks)
        columns = {name: np.full(rows, DEFAULTS.get(name, 1), dtype=np.int64) for name in COLUMNS}
        start = 0
        for n, block in self._blocks:
            for name, value in block.items():
                columns[name][start : start + n] = value
            start += n
        return OperatorTable(columns, self.size, self.stages)


def capacity(stage_entropy: FloatArray, stage_volume: FloatArray, ends_scale: Sequence[bool]) -> FloatArray:
    """Multi-scale entropy of networks, the ``capacity`` objective; shape (archs,), rounded to 1e-6.

    DeepMAD (Shen et al., CVPR 2023) scores a CNN by ``sum_t alpha_t ln(C_t r_t^2) E_t``: E_t is the entropy
    accumulated from the input to the end of scale t, and ``C_t r_t^2`` the volume of the feature map there; alpha is
    8 for the last scale and 1 for the others. The extension to attention and MLP blocks is ours (no published
    definition could be verified): a linear layer is a 1x1 convolution, and the softmax average over tokens adds
    nothing, since a convex combination cannot raise the entropy of its inputs. So an attention block counts its value
    path (projection in, depthwise convolution where there is one, projection out) and an MLP its two layers.

    ``stage_entropy`` and ``stage_volume`` have shape (archs, stages): E of each stage, and ``C_t r_t^2`` at its end;
    ``ends_scale`` says which stages end a scale (their map is smaller in the next one, or they are the last).
    """
    cumulative = np.cumsum(stage_entropy, axis=1)
    ends = np.flatnonzero(np.asarray(ends_scale))
    alpha = np.ones(len(ends))
    alpha[-1] = 8.0
    terms = np.log(np.maximum(stage_volume[:, ends], 1.0)) * cumulative[:, ends]
    # A fixed order of additions, where a BLAS product could change the last digits from machine to machine.
    result = np.zeros(len(terms))
    for weight, column in zip(alpha, terms.T, strict=True):
        result += weight * column
    return np.round(result, 6)
