"""The default score: depth times width, from the operator table alone.

    s = 3/2 ln D + mean over norms of ln C,   rounded to 0.1

D counts the main path's convolutions and linears, C is the channels of a normalised feature (in a transformer: of the
residual stream). ``benchmarks/default_score.py`` prints how it was chosen: among single proxies, their rank aggregates
and products of depth and width, in nested cross-validation over rows, data sets and spaces. No pass over the network
added anything to depth and width. Parameters, and every proxy that grows with them, weigh width twice and depth once,
which is wrong where depth decides (AutoFormer with a teacher), and reward wide MLPs and wide late stages, which did not
help (PiT).

Rounding: networks within 10 % of each other in depth^1.5 x width are ties, since nothing measured says how to order
them. Tau-b leaves ties out on both sides of its fraction, so this raises it a little where the order within a tie would
have been noise (AutoFormer: 0.28 to 0.30); the same script prints both.
"""

from __future__ import annotations

import numpy as np

from search_spaces.operators import FloatArray, IntArray, Kind, OperatorTable, Role

DEPTH_EXPONENT = 1.5
RESOLUTION = 0.1
"""In units of ln: 10 %."""


def log_depth(table: OperatorTable) -> FloatArray:
    """ln of the main path's convolutions and linears of each architecture, shape (size,); minus infinity for none."""
    weighted = np.isin(table["kind"], (Kind.CONV, Kind.LINEAR)) & (table["role"] == Role.MAIN)
    with np.errstate(divide="ignore"):
        return np.log(np.bincount(table["arch"][weighted], minlength=table.size).astype(float))


def log_width(table: OperatorTable) -> FloatArray:
    """Mean over norms of ln channels, shape (size,); over convolutions and linears where there is no norm."""
    main = table["role"] == Role.MAIN
    over_norms = _mean_log(table, main & np.isin(table["kind"], (Kind.LAYER_NORM, Kind.BATCH_NORM)))
    over_layers = _mean_log(table, main & np.isin(table["kind"], (Kind.CONV, Kind.LINEAR)))
    return np.where(np.isnan(over_norms), over_layers, over_norms)


def _mean_log(table: OperatorTable, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
    arch: IntArray = table["arch"][rows]
    total = np.bincount(arch, np.log(table["c_out"][rows].astype(float)), table.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / np.bincount(arch, minlength=table.size), dtype=np.float64)


def depth_width_score(table: OperatorTable, *, resolution: float = RESOLUTION) -> FloatArray:
    """s of each architecture of the table, shape (size,); higher is better. ``resolution`` 0 leaves it unrounded."""
    exact = DEPTH_EXPONENT * log_depth(table) + log_width(table)
    return np.round(exact / resolution) * resolution if resolution else exact
