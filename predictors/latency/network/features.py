"""What a whole network is like, as named numbers: its size, and what its time is made of.

They describe what a sum of units cannot price: kernels that read what the last one left in the cache, data movement
that a table has no rows for, a runtime's habits with a family of networks. Sizes are logarithms; everything else is a
share or a mean, so that a deeper or wider network of a family stays near its relatives.
"""

from __future__ import annotations

import numpy as np

from predictors.latency.features import INDEX, PRODUCT_CLASSES, SHAPES, TILES, TRAFFIC_CLASSES
from predictors.latency.units import KERNEL_KINDS, Units
from search_spaces.operators import FloatArray

SIZES = ("macs", "moved", "weights", "operators")
ATTENTION = ("heads", "qk_width", "v_width", "positions_in", "operators")
MEANS = tuple(name for name in SHAPES if name != "function")
PRICED = tuple(kind for kind in KERNEL_KINDS if kind != "parameter")

NETWORK_FEATURES: dict[str, str] = {
    "log_ms": "logarithm of the sum of its units' milliseconds",
    **{f"log_{name}": f"logarithm of 1 + its {name}" for name in SIZES},
    **{f"time_{kind}": f"root of the share of {kind} kernels in its milliseconds" for kind in PRICED},
    **{f"macs_{c}": f"root of the share of {c} products in its multiply-accumulates" for c in PRODUCT_CLASSES},
    **{
        f"moved_{c}": f"root of the share of {c} rows in its bytes of activations"
        for c in (*PRODUCT_CLASSES, *TRAFFIC_CLASSES)
    },
    **{f"padding_{a}_{t}": f"logarithm of its MACs with {a} rounded up to {t}, over its MACs" for a, t in TILES},
    **{f"mean_{name}": f"mean over its time of ln(1 + {SHAPES[name]})" for name in MEANS},
    **{f"attention_{name}": f"mean over its products of activations of ln(1 + {name})" for name in ATTENTION},
}
"""Every feature and what it means, in the order of the columns that :func:`network_features` returns."""
NETWORK_INDEX = {name: i for i, name in enumerate(NETWORK_FEATURES)}


def network_features(units: Units, x: FloatArray, ms: FloatArray) -> FloatArray:
    """Features of each architecture, shape (size, len(NETWORK_FEATURES)).

    ``x`` are the :func:`~predictors.latency.features.features` of its units (``fusion="kernels"``), ``ms`` their
    milliseconds, shape (units,). An architecture without units has zeros.
    """
    size, arch = units.table.size, units.arch if len(units) else units.start

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(arch, values, size).astype(np.float64)

    time, macs, moved = (total(v) for v in (ms, x[:, INDEX["macs"]], x[:, INDEX["moved"]]))
    columns = {"log_ms": np.log(np.maximum(time, 1e-9))}
    columns |= {f"log_{name}": np.log1p(total(x[:, INDEX[name]])) for name in SIZES}
    columns |= {f"time_{kind}": np.sqrt(_share(total(ms * units.is_kind(kind)), time)) for kind in PRICED}
    columns |= {f"macs_{c}": np.sqrt(_share(total(x[:, INDEX[f"macs_{c}"]]), macs)) for c in PRODUCT_CLASSES}
    traffic = (*PRODUCT_CLASSES, *TRAFFIC_CLASSES)
    columns |= {f"moved_{c}": np.sqrt(_share(total(x[:, INDEX[f"moved_{c}"]]), moved)) for c in traffic}
    tiles = [f"{axis}_{tile}" for axis, tile in TILES]
    columns |= {f"padding_{t}": np.log1p(_share(total(x[:, INDEX[f"macs_{t}"]]), macs)) for t in tiles}
    columns |= {f"mean_{name}": _share(total(ms * np.log1p(x[:, INDEX[name]])), time) for name in MEANS}
    products = (units.is_kind("attention") | units.is_kind("matmul")).astype(np.float64)
    columns |= {
        f"attention_{name}": _share(total(products * np.log1p(x[:, INDEX[name]])), total(products))
        for name in ATTENTION
    }
    return np.stack([columns[name] for name in NETWORK_FEATURES], axis=1)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """``part / whole``, 0 where there is no whole."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
