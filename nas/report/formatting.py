"""Numbers for people: thousands separated, a unit beside every quantity, a dash where nothing is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

MISSING = "–"  # an en dash: shown wherever a value is absent or NaN
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number (NumPy scalars included, booleans excluded)."""
    try:
        return not isinstance(value, (bool, str)) and math.isfinite(value)
    except TypeError:
        return False


def digits_for(values: Iterable[float], significant: int = 4, most: int = 6) -> int:
    """Decimals that give the largest of `values` some `significant` digits."""
    largest = max((abs(value) for value in values if is_number(value)), default=0.0)
    if largest == 0:
        return 0
    return min(most, max(0, significant - 1 - math.floor(math.log10(largest))))


def fixed(value: Any, digits: int) -> str:
    """`value` with separated thousands and exactly `digits` decimals."""
    return f"{value:,.{digits}f}" if is_number(value) else MISSING


def count(value: Any) -> str:
    """A whole number: 1,234,567."""
    return fixed(value, 0)


def short(value: Any, unit: str = "", significant: int = 3) -> str:
    """A number with a decimal prefix: 412e6 -> '412 M', 1.5e9 bytes -> '1.50 GB'; text passes through."""
    if not is_number(value):
        return value if isinstance(value, str) and value else MISSING
    scale, prefix = next(((s, p) for s, p in _PREFIXES if abs(value) >= s), (1.0, ""))
    scaled = value / scale
    whole = scale == 1.0 and float(scaled).is_integer()
    text = fixed(scaled, 0 if whole else digits_for([scaled], significant))
    return f"{text} {prefix}{unit}".rstrip()


def duration(seconds: Any) -> str:
    """0.42 s, 12.3 s, 2 min 05 s, 1 h 04 min."""
    if not is_number(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def percent(share: Any, digits: int = 0, signed: bool = False) -> str:
    """0.213 -> '21 %', signed 0.042 -> '+4 %'."""
    if not is_number(share):
        return MISSING
    return f"{100 * share:+.{digits}f} %" if signed else f"{100 * share:.{digits}f} %"
