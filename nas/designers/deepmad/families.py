"""Closed forms of the four block families (reference section 4.1), vectorised over widths.

Every function returns the amounts of one block, ``NAMES`` by shape: the entropy ``E`` of its main path (section 2.1),
multiply-accumulates, released FLOPs (section 2.7: MACs + 2 per BN output + 1 per ReLU + the average pool of a strided
shortcut; squeeze-excitation not counted) and parameters. This module can be replaced by anything with the same two
functions, such as look-ups compiled from an operator table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DesignError

Array = NDArray[np.float64]
NAMES = ("entropy", "macs", "released_flops", "params")

#: Convolutions on the main path of one block, for the depth D of section 2.2.
CONVS = {"resnet": 3, "resnet_basic": 2, "mobilenet": 3, "mobilenet_se": 3}


def block(
    family: str, cin: Any, cout: Any, b: Any, k: Any, r: float, stride: int, first: bool, exact: bool = True
) -> Array:
    """Amounts of one block at input resolution ``r``; ``first`` blocks carry a projection where the family has one.

    ``exact=False`` leaves out what does not grow with the widths (the pool of an identity shortcut), for lower bounds.
    """
    if family not in _FAMILIES:
        raise DesignError(f"unknown family {family!r}; known: {', '.join(_FAMILIES)}", known=list(_FAMILIES))
    cin, cout, b, k = (np.asarray(x, dtype=float) for x in (cin, cout, b, k))
    return np.stack(np.broadcast_arrays(*_FAMILIES[family](cin, cout, b, k, r, r / stride, first, exact)))


def conv(cin: Any, cout: Any, k: int, r_out: float) -> Array:
    """Amounts of a convolution with batch norm and ReLU: the stem or the head."""
    cin, cout = np.asarray(cin, dtype=float), np.asarray(cout, dtype=float)
    macs = r_out**2 * cin * cout * k**2
    released = macs + r_out**2 * 3 * cout
    params = cin * cout * k**2 + 2 * cout
    return np.stack(np.broadcast_arrays(0.5 * np.log(cin * k**2), macs, released, params))


def classifier(cin: Any, classes: int) -> Array:
    """Amounts of the final linear layer; the released counting leaves it out (section 2.7)."""
    cin = np.asarray(cin, dtype=float)
    zero = np.zeros_like(cin)
    return np.stack([zero, cin * classes, zero, cin * classes + classes])


def _bottleneck(cin: Array, cout: Array, b: Array, k: Array, r: float, q: float, first: bool, _: bool) -> list[Array]:
    entropy = 0.5 * np.log(cin) + np.log(b) + np.log(k)
    macs = r**2 * cin * b + q**2 * (b**2 * k**2 + b * cout + first * cin * cout)
    pool = r**2 * cin * (r != q)
    released = macs + r**2 * 3 * b + q**2 * (3 * b + (6 if first else 3) * cout) + pool
    params = cin * b + b**2 * k**2 + b * cout + 4 * b + 2 * cout + first * (cin * cout + 2 * cout)
    return [entropy, macs, released, params]


def _basic(cin: Array, cout: Array, b: Array, k: Array, r: float, q: float, first: bool, _: bool) -> list[Array]:
    entropy = 0.5 * np.log(cin) + 0.5 * np.log(b) + 2 * np.log(k)
    macs = q**2 * ((cin * b + b * cout) * k**2 + first * cin * cout)
    pool = r**2 * cin * (r != q)
    released = macs + q**2 * (3 * b + (6 if first else 3) * cout) + pool
    params = (cin * b + b * cout) * k**2 + 2 * b + 2 * cout + first * (cin * cout + 2 * cout)
    return [entropy, macs, released, params]


def _inverted(cin: Array, cout: Array, b: Array, k: Array, r: float, q: float, first: bool, exact: bool) -> list[Array]:
    entropy = 0.5 * np.log(cin) + np.log(k) + 0.5 * np.log(b)
    macs = r**2 * cin * b + q**2 * (b * k**2 + b * cout)
    identity = (cin == cout) * float(exact)  # the shortcut exists only between equal widths and has no projection
    released = macs + r**2 * 3 * b + q**2 * (3 * b + 3 * cout) + identity * (r**2 * cin * (r != q))
    params = cin * b + b * k**2 + b * cout + 4 * b + 2 * cout
    return [entropy, macs, released, params]


def _inverted_se(
    cin: Array, cout: Array, b: Array, k: Array, r: float, q: float, first: bool, exact: bool
) -> list[Array]:
    entropy, macs, released, params = _inverted(cin, cout, b, k, r, q, first, exact)
    squeeze = np.maximum(1, np.round(b / 4) // 8) * 8
    return [entropy, macs + 2 * b * squeeze, released, params + 2 * b * squeeze + 2 * squeeze + 2 * b]


_FAMILIES: dict[str, Callable[..., list[Array]]] = {
    "resnet": _bottleneck,
    "resnet_basic": _basic,
    "mobilenet": _inverted,
    "mobilenet_se": _inverted_se,
}
