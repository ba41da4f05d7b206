"""From operator rows to units: what a runtime executes, and a profile times, in one piece.

With ``fusion="kernels"`` a unit is a fused kernel: a convolution or linear with the batch norm, activation and addition
that runtimes fold into it, the whole of attention's core (logits, softmax, product with V), a pool, a norm. With
``fusion="blocks"`` kernels are joined into blocks: a block begins where nothing but its own input is alive (``held``
is 0), so it reaches up to and including its residual addition. With ``fusion="operators"`` nothing is fused but
attention's core: the runtime runs operator by operator, as eager PyTorch does.

Units never cross an architecture or a stage, and each depends on its own rows alone, so that latency compiles into
look-ups per stage. All of it is array arithmetic; there is no loop over rows or architectures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import unknown_name
from search_spaces.operators import IntArray, Kind, OperatorTable, Role

Fusion = Literal["kernels", "blocks", "operators"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)

KERNEL_KINDS = (
    "conv", "pointwise", "dwconv", "groupconv", "linear", "attention", "matmul", "norm", "elementwise", "pool",
    "resize", "parameter",
)  # fmt: skip
"""Kinds of fused kernels. ``conv`` has a kernel above 1x1, ``pointwise`` is 1x1; ``parameter`` computes nothing."""
BLOCK_KINDS = (*KERNEL_KINDS, "mbconv", "ffn", "head", "convblock", "other")
"""Kinds of blocks. A block of one kernel has that kernel's kind; ``attention`` is then the whole sub-layer."""

OPERATOR_KINDS = (*KERNEL_KINDS, "batch_norm", "activation", "add", "mul", "softmax")
"""Kinds of single operators; ``norm`` is then a layer norm, and ``elementwise`` what has no kind of its own."""

BoolArray = NDArray[np.bool_]

_POINTWISE = (Kind.BATCH_NORM, Kind.ACTIVATION, Kind.ADD, Kind.MUL)
_FUSED_INTO = (Kind.CONV, Kind.LINEAR, *_POINTWISE)
_CORE = (Kind.MATMUL, Kind.SOFTMAX, Kind.ADD, Kind.MUL, Kind.PARAMETER)


@dataclass(frozen=True)
class Units:
    """Units of a table. ``rows`` orders the table's rows by unit; unit u holds ``rows[start[u]:start[u + 1]]``.

    ``arch``, ``stage`` and ``kind`` (an index into ``kinds``) have shape (units,). Units of one architecture stand
    together, in execution order.
    """

    table: OperatorTable
    rows: IntArray
    start: IntArray
    kind: IntArray
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def arch(self) -> IntArray:
        """The architecture of each unit, shape (units,)."""
        return self.table["arch"][self.rows[self.start]]

    @property
    def stage(self) -> IntArray:
        """The stage of each unit, an index into ``table.stages``, shape (units,)."""
        return self.table["stage"][self.rows[self.start]]

    @property
    def unit_of_row(self) -> IntArray:
        """The unit of each row in the order of ``rows``, shape (rows,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start, append=len(self.rows)))

    def column(self, name: str) -> IntArray:
        """A column of the table in the order of ``rows``, shape (rows,)."""
        return self.table[name][self.rows]

    def is_kind(self, name: str) -> BoolArray:
        """Which units are of that kind, shape (units,)."""
        return self.kind == (self.kinds.index(name) if name in self.kinds else -1)


def segment(table: OperatorTable, fusion: Fusion) -> Units:
    """Cut ``table`` into units. Raises UnknownName where ``fusion`` is none of :data:`FUSIONS`."""
    if fusion not in FUSIONS:
        raise unknown_name("fusion", fusion, FUSIONS)
    rows = np.argsort(table["arch"], kind="stable")
    c = {name: table[name][rows] for name in table.columns}
    starts = _operator_starts(c) if fusion == "operators" else _kernel_starts(c)
    kind = _kernel_kind(c, starts)
    if fusion == "operators":
        return Units(table, rows, np.flatnonzero(starts), _operator_kind(c, starts, kind), OPERATOR_KINDS)
    if fusion == "kernels":
        return Units(table, rows, np.flatnonzero(starts), kind, KERNEL_KINDS)
    first = np.flatnonzero(starts)
    opens = _opens_block(c, starts, kind)
    return Units(table, rows, first[opens], _block_kind(c, first, kind, opens), BLOCK_KINDS)


def whole(table: OperatorTable) -> Units:
    """Every architecture of ``table`` as one unit: that is what somebody measured when a table of blocks was made."""
    rows = np.argsort(table["arch"], kind="stable")
    c = {name: table[name][rows] for name in table.columns}
    starts = _kernel_starts(c)
    first = np.flatnonzero(starts)
    opens = np.concatenate([[True], np.diff(c["arch"][first]) > 0]) if len(first) else np.zeros(0, dtype=bool)
    kind = _block_kind(c, first, _kernel_kind(c, starts), opens)
    return Units(table, rows, first[opens], kind, BLOCK_KINDS)


def row_class(kind: IntArray, kernel: IntArray, c_in: IntArray, groups: IntArray) -> IntArray:
    """Index into :data:`KERNEL_KINDS` of rows, from their kind, taps (kernel_h * kernel_w) and grouping."""
    names = {name: i for i, name in enumerate(KERNEL_KINDS)}
    out = np.full(len(kind), names["elementwise"])
    fixed = {
        Kind.LINEAR: "linear", Kind.MATMUL: "matmul", Kind.LAYER_NORM: "norm", Kind.SOFTMAX: "norm",
        Kind.POOL: "pool", Kind.RESIZE: "resize", Kind.PARAMETER: "parameter",
    }  # fmt: skip
    for operator, name in fixed.items():
        out[kind == operator] = names[name]
    conv = kind == Kind.CONV
    out[conv] = np.where(kernel > 1, names["conv"], names["pointwise"])[conv]
    out[conv & (groups > 1)] = names["groupconv"]
    out[conv & (groups > 1) & (groups == c_in)] = names["dwconv"]
    return out


def _breaks(c: dict[str, IntArray]) -> BoolArray:
    """Rows at which another architecture or stage begins."""
    key = np.stack([c["arch"], c["stage"]])
    return np.concatenate([np.ones(min(1, key.shape[1]), bool), (key[:, 1:] != key[:, :-1]).any(axis=0)])


def _attention_core(c: dict[str, IntArray], new: BoolArray) -> tuple[BoolArray, BoolArray]:
    """(first rows, further rows) of attention cores: from a product of two activations, over a softmax, to the last."""
    product, softmax = c["kind"] == Kind.MATMUL, c["kind"] == Kind.SOFTMAX
    run = np.cumsum(new | ~np.isin(c["kind"], _CORE)) - 1
    if not len(run):
        return product, product
    count, soft = np.bincount(run, product).astype(int), np.bincount(run, softmax)
    before = np.concatenate([[0], np.cumsum(count)[:-1]])
    seen = np.cumsum(product) - before[run]
    core = (count[run] >= 2) & (soft[run] > 0) & (seen >= 1)
    opening = core & product & (seen == 1)
    return opening, core & ~opening & (product | (seen < count[run]))


def _kernel_starts(c: dict[str, IntArray]) -> BoolArray:
    """Which rows begin a kernel. A pointwise row joins the kernel before it if that one's output has its shape."""
    new = _breaks(c)
    opening, within = _attention_core(c, new)
    pointwise = np.isin(c["kind"], _POINTWISE)
    starts = opening | new | ~(pointwise | within | (c["kind"] == Kind.PARAMETER))
    size = c["c_out"] * c["h_out"] * c["w_out"]
    fusable = np.isin(c["kind"], _FUSED_INTO) & ~within
    while True:
        head = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
        refused = pointwise & ~within & ~starts & ~(fusable[head] & (size[head] == size))
        if not refused.any():
            return starts
        starts = starts | refused


def _kernel_kind(c: dict[str, IntArray], starts: BoolArray) -> IntArray:
    """Index into :data:`KERNEL_KINDS` of each kernel, shape (kernels,)."""
    first = np.flatnonzero(starts)
    taps = c["kernel_h"] * c["kernel_w"]
    kind = row_class(c["kind"][first], taps[first], c["c_in"][first], c["groups"][first])
    soft = _any(c["kind"] == Kind.SOFTMAX, first) & (c["kind"][first] == Kind.MATMUL)
    return np.where(soft, KERNEL_KINDS.index("attention"), kind)


def _operator_starts(c: dict[str, IntArray]) -> BoolArray:
    """Every row begins an operator, but those inside attention's core and parameters, which join the row before."""
    new = _breaks(c)
    opening, within = _attention_core(c, new)
    return opening | new | ~(within | (c["kind"] == Kind.PARAMETER))


def _operator_kind(c: dict[str, IntArray], starts: BoolArray, kernel: IntArray) -> IntArray:
    """Index into :data:`OPERATOR_KINDS` of each operator, shape (operators,)."""
    names = {
        Kind.BATCH_NORM: "batch_norm", Kind.ACTIVATION: "activation", Kind.ADD: "add", Kind.MUL: "mul",
        Kind.SOFTMAX: "softmax",
    }  # fmt: skip
    kind, operator = kernel.copy(), c["kind"][np.flatnonzero(starts)]
    for which, name in names.items():
        kind[operator == which] = OPERATOR_KINDS.index(name)
    return kind


def _opens_block(c: dict[str, IntArray], starts: BoolArray, kind: IntArray) -> BoolArray:
    """Which kernels begin a block: nothing else is alive there, or the network's head begins or ends."""
    first = np.flatnonzero(starts)
    head = c["role"][first] == Role.HEAD
    bare = ~_any(np.isin(c["kind"], (Kind.ACTIVATION, Kind.BATCH_NORM)), first)
    classifier = head & bare & (kind == KERNEL_KINDS.index("linear"))
    before = np.concatenate([[False], (head & ~classifier)[:-1]])
    inside_head = head & ~classifier & before
    return _breaks(c)[first] | ((c["held"][first] == 0) & ~inside_head) | (head & ~inside_head)


def _block_kind(c: dict[str, IntArray], first: IntArray, kernel: IntArray, opens: BoolArray) -> IntArray:
    """Index into :data:`BLOCK_KINDS` of each block, shape (blocks,)."""
    begin = np.flatnonzero(opens)
    names = {name: i for i, name in enumerate(BLOCK_KINDS)}
    count = np.diff(begin, append=len(kernel))

    def has(name: str) -> BoolArray:
        return _any(kernel == names[name], begin)

    dense = has("conv") | has("pointwise") | has("groupconv")
    kind = np.where(dense, names["convblock"], np.where(has("linear"), names["ffn"], names["other"]))
    kind = np.where(has("dwconv"), names["mbconv"], kind)
    kind = np.where(has("attention"), names["attention"], kind)
    kind = np.where(c["role"][first[begin]] == Role.HEAD, names["head"], kind)
    return np.where(count == 1, kernel[begin], kind)


def _any(flags: BoolArray, begin: IntArray) -> BoolArray:
    """Whether any flag is set between each beginning and the next, shape (begin,)."""
    return np.logical_or.reduceat(flags, begin) if len(begin) else np.zeros(0, dtype=bool)
