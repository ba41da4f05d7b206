"""What a unit asks of a device, as named numbers: arithmetic, traffic, tiles, shape.

All are sums or extremes over the unit's rows, computed for all units at once, non-negative and untransformed; models
take logarithms where they need them. Sums are additive: those of two units together are the sum of theirs, so a model
linear in sums prices units that nobody measured. Bytes are of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from predictors.latency.units import KERNEL_KINDS, Units, row_class
from search_spaces.operators import BYTES_PER_ELEMENT, PRODUCTS, FloatArray, IntArray, Kind, Role

PRODUCT_CLASSES = ("conv", "pointwise", "groupconv", "dwconv", "linear", "vector", "matmul")
"""Classes of products: ``vector`` is a linear or 1x1 convolution at a single position, bound by reading its weights."""
TRAFFIC_CLASSES = ("norm", "softmax", "activation", "add", "mul", "pool", "resize")
"""Classes of rows that compute nothing to speak of and cost their traffic; batch norms are folded and cost nothing."""
TILED_CLASSES = ("conv", "pointwise", "linear", "matmul")
TILES = (("positions", 4), ("positions", 6), ("positions", 8), ("channels", 4), ("channels", 8), ("channels", 16))
"""Paddings of matrix products: to how many positions or output channels a tile rounds up."""
REGISTER_TILES = {"6x8": (6, 8), "6x16": (6, 16)}
"""Register tiles of matrix kernels, (positions, output channels): what does not fill one is padded. The first is that
of XNNPACK on 64-bit ARM, the second that of AVX2 and AVX-512 libraries."""

SUMS: dict[str, str] = {
    **{f"macs_{c}": f"multiply-accumulates of {c} products" for c in PRODUCT_CLASSES},
    **{f"moved_{c}": f"bytes of activations that {c} products read and write" for c in PRODUCT_CLASSES},
    **{f"weights_{c}": f"bytes of weights that {c} products read" for c in PRODUCT_CLASSES},
    **{f"moved_{c}": f"bytes that {c} rows read and write" for c in TRAFFIC_CLASSES},
    **{
        f"macs_{c}_{t}": f"multiply-accumulates of {c} products padded to tiles of {t}"
        for c in TILED_CLASSES
        for t in REGISTER_TILES
    },
    **{f"macs_{a}_{t}": f"multiply-accumulates of matrix products with {a} rounded up to {t}" for a, t in TILES},
    "macs": "multiply-accumulates",
    "moved": "bytes of activations read and written",
    "weights": "bytes of weights",
    "moved_batch_norm": "bytes that batch norms read and write (for runtimes that do not fold them)",
    "patches": "bytes of unfolded input of convolutions larger than 1x1",
    "operators": "operators that run (batch norms are folded, parameters are none)",
    "products": "convolutions, linears and attention products",
}
SHAPES: dict[str, str] = {  # 0 where the unit has no such thing
    "positions_in": "positions (pixels or tokens) of the unit's input",
    "positions_out": "positions of its output",
    "c_in": "channels of its input",
    "c_out": "channels of its output",
    "c_inner": "widest output of a convolution or linear inside",
    "c_gate": "narrowest output of a squeeze-excitation",
    "kernel": "edge of a convolution's kernel",
    "stride": "largest stride",
    "group_width": "channels per group of its grouped convolution",
    "heads": "attention heads",
    "qk_width": "width of a query",
    "v_width": "width of a value",
    "function": "which activation or pooling it ends in (position in FUNCTIONS, 0: none)",
    "intensity": "multiply-accumulates per byte of activations and weights",
    "working_set": "bytes of the row with the largest input and output",
}
FEATURES: dict[str, str] = SUMS | SHAPES
"""Every feature and what it means, in the order of the columns that :func:`features` returns."""
INDEX = {name: i for i, name in enumerate(FEATURES)}


def features(units: Units) -> FloatArray:
    """The features of all units, shape (units, len(FEATURES))."""
    rows = _Rows(units)
    columns = {**_sums(rows), **_shapes(rows)}
    columns["intensity"] = columns["macs"] / np.maximum(columns["moved"] + columns["weights"], 1)
    if not len(units):
        return np.zeros((0, len(FEATURES)))
    return np.stack([columns[name].astype(np.float64) for name in FEATURES], axis=1)


def select(x: FloatArray, names: Sequence[str]) -> FloatArray:
    """The named columns of an array of features, shape (units, len(names))."""
    return x[:, [INDEX[n] for n in names]]


class _Rows:
    """Columns of the table in unit order, what derives from them per row, and reductions to units."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.c = {name: units.column(name) for name in units.table.columns}
        self.area_in = self.c["h_in"] * self.c["w_in"]
        self.area = self.c["h_out"] * self.c["w_out"]
        self.taps = self.c["kernel_h"] * self.c["kernel_w"]
        self.product = np.isin(self.c["kind"], PRODUCTS)
        self.macs = units.table.row_macs[units.rows]
        self.read, self.written = self.c["c_in"] * self.area_in, self.c["c_out"] * self.area
        self.weights = np.where(self.product & (self.c["kind"] != Kind.MATMUL), self._weights(), 0)
        self.kernel_kind = row_class(self.c["kind"], self.taps, self.c["c_in"], self.c["groups"])

    def _weights(self) -> IntArray:
        return self.c["c_in"] // self.c["groups"] * self.c["c_out"] * self.taps

    def of(self, name: str) -> IntArray:
        """Mask of a product or traffic class, shape (rows,)."""
        kind = self.c["kind"]
        if name in TRAFFIC_CLASSES:
            return kind == _TRAFFIC[name]
        vector = (self.area == 1) & ((kind == Kind.LINEAR) | (self.kernel_kind == KERNEL_KINDS.index("pointwise")))
        if name == "vector":
            return vector
        return (self.kernel_kind == KERNEL_KINDS.index(name)) & ~vector

    def sum(self, values: IntArray) -> FloatArray:
        return self._reduce(np.add, values)

    def max(self, values: IntArray) -> FloatArray:
        return self._reduce(np.maximum, values)

    def first(self, values: IntArray) -> FloatArray:
        return values[self.units.start].astype(np.float64)

    def last(self, values: IntArray) -> FloatArray:
        ends = np.append(self.units.start[1:], len(values)) - 1
        return (values[ends] if len(self.units) else values).astype(np.float64)

    def _reduce(self, reducer: np.ufunc, values: IntArray) -> FloatArray:
        return reducer.reduceat(values, self.units.start) if len(self.units) else np.zeros(0)


_TRAFFIC = {
    "norm": Kind.LAYER_NORM, "softmax": Kind.SOFTMAX, "activation": Kind.ACTIVATION, "add": Kind.ADD, "mul": Kind.MUL,
    "pool": Kind.POOL, "resize": Kind.RESIZE,
}  # fmt: skip


def _sums(r: _Rows) -> dict[str, FloatArray]:
    moved = (r.read + r.written) * BYTES_PER_ELEMENT
    weights = r.weights * BYTES_PER_ELEMENT
    runs = ~np.isin(r.c["kind"], (Kind.BATCH_NORM, Kind.PARAMETER))
    out: dict[str, FloatArray] = {}
    for name in PRODUCT_CLASSES:
        mask = r.of(name)
        out |= {f"macs_{name}": r.sum(r.macs * mask), f"moved_{name}": r.sum(moved * mask)}
        out[f"weights_{name}"] = r.sum(weights * mask)
    for name in TRAFFIC_CLASSES:
        out[f"moved_{name}"] = r.sum(moved * r.of(name))
    out["moved_batch_norm"] = r.sum(moved * (r.c["kind"] == Kind.BATCH_NORM))
    out |= _tiles(r)
    out["macs"], out["moved"], out["weights"] = r.sum(r.macs), r.sum(moved * runs), r.sum(weights)
    unfolded = (r.c["kind"] == Kind.CONV) & (r.taps > 1) & (r.c["groups"] == 1)
    out["patches"] = r.sum(r.c["c_in"] * r.taps * r.area * unfolded) * BYTES_PER_ELEMENT
    out["operators"], out["products"] = r.sum(runs.astype(np.int64)), r.sum(r.product.astype(np.int64))
    return out


def _tiles(r: _Rows) -> dict[str, FloatArray]:
    """MACs as if positions, or output channels per group, or both, filled whole tiles (depthwise ones never do)."""
    axes = {"positions": np.maximum(r.area, 1), "channels": np.maximum(r.c["c_out"] // r.c["groups"], 1)}
    dense = r.product & ~r.of("dwconv")
    out = {f"macs_{a}_{t}": r.sum(r.macs * dense // axes[a] * _rounded(axes[a], t)) for a, t in TILES}
    depth = r.macs // (axes["positions"] * axes["channels"])
    for tile, (rows, columns) in REGISTER_TILES.items():
        padded = depth * _rounded(axes["positions"], rows) * _rounded(axes["channels"], columns)
        out |= {f"macs_{name}_{tile}": r.sum(padded * r.of(name)) for name in TILED_CLASSES}
    return out


def _rounded(size: IntArray, tile: int) -> IntArray:
    return -(-size // tile) * tile


def _shapes(r: _Rows) -> dict[str, FloatArray]:
    layer = np.isin(r.c["kind"], (Kind.CONV, Kind.LINEAR))
    conv = r.c["kind"] == Kind.CONV
    grouped = conv & (r.c["groups"] > 1)
    gate = conv & (r.c["role"] == Role.GATE)
    narrowest = r.max(np.where(gate, _FAR - r.c["c_out"], 0))
    product = r.c["kind"] == Kind.MATMUL
    logits = _logits(r, product)
    widest: Callable[[IntArray], FloatArray] = r.max
    return {
        "positions_in": r.first(r.area_in), "positions_out": r.last(r.area), "c_in": r.first(r.c["c_in"]),
        "c_out": r.last(r.c["c_out"]), "c_inner": widest(r.c["c_out"] * layer),
        "c_gate": np.where(narrowest > 0, _FAR - narrowest, 0), "kernel": widest(r.c["kernel_h"] * conv),
        "stride": widest(r.c["stride"]), "group_width": widest(r.c["c_in"] // r.c["groups"] * grouped),
        "heads": widest(r.c["groups"] * product), "qk_width": widest(r.c["c_in"] // r.c["groups"] * logits),
        "v_width": widest(r.c["c_out"] // r.c["groups"] * (product & ~logits)),
        "function": r.last(r.c["function"]),
        "working_set": r.max((r.read + r.written) * (r.c["kind"] != Kind.PARAMETER)) * BYTES_PER_ELEMENT,
    }  # fmt: skip


def _logits(r: _Rows, product: IntArray) -> IntArray:
    """Which attention products are q k^T: of a pair the first; of a lone one, that with a column per position."""
    unit = r.units.unit_of_row
    count = np.bincount(unit, product, len(r.units))
    before = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else count
    rank = np.cumsum(product) - before[unit]
    alone = r.c["c_out"] == r.c["groups"] * r.area_in
    return product & np.where(count[unit] >= 2, rank % 2 == 1, alone)


_FAR = np.int64(2**40)
