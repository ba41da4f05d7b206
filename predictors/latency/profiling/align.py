"""Milliseconds from the rows of a traced module to the rows of its space's own table, which searches read."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np

from search_spaces.operators import PRODUCTS, FloatArray, Kind, OperatorTable

LEAST_MATCHED = 0.95
"""Share of the table's products that must be found in the trace."""


def align(traced: OperatorTable, row_ms: FloatArray, table: OperatorTable) -> FloatArray | None:
    """``row_ms`` of ``traced`` given to the rows of ``table``, shape (rows of table,), with the same sum.

    Both describe one network; a row that only the trace has (a bias added to attention logits, say) gives its time to
    the row before it. None where the two do not fit each other.
    """
    ours, theirs = _keys(table), _keys(traced)
    target = np.full(len(theirs), -1)
    for block in SequenceMatcher(None, theirs, ours, autojunk=False).get_matching_blocks():
        target[block.a : block.a + block.size] = np.arange(block.b, block.b + block.size)
    products = np.isin(table["kind"], PRODUCTS)
    found = np.zeros(len(ours), dtype=bool)
    found[target[target >= 0]] = True
    if not found.any() or found[products].mean() < LEAST_MATCHED:
        return None
    last = np.maximum.accumulate(np.where(target >= 0, np.arange(len(target)), -1))
    target = target[np.where(last >= 0, last, int(np.argmax(target >= 0)))]
    return np.bincount(target, row_ms, len(ours)).astype(np.float64)


def _keys(table: OperatorTable) -> list[tuple[int, ...]]:
    """What identifies a row of either: kind, function, channels, positions, kernel; parameters have no shape."""
    c = table.columns
    columns = (c["kind"], c["function"], c["c_in"], c["c_out"], c["h_out"] * c["w_out"], c["kernel_h"], c["groups"])
    keys = np.stack(columns, axis=1)
    keys[c["kind"] == Kind.PARAMETER, 1:] = 0
    return [tuple(key) for key in keys.tolist()]
