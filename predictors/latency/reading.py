"""Strict reading of JSON that a stranger may have written: every value is checked, every error names its field."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from predictors.latency.errors import ProfileError
from search_spaces.operators import FloatArray

MAX_NUMBERS = 2_000_000


def fail(where: str, rule: str, value: Any) -> ProfileError:
    """The error for a value that breaks a rule."""
    text = repr(value)
    return ProfileError(f"{where} must be {rule}, got {text if len(text) <= 60 else text[:57] + '...'}", field=where)


def parse(text: str, where: str) -> Any:
    """The document behind JSON text; NaN and infinities are refused."""

    def refuse(constant: str) -> Any:
        raise ProfileError(f"{where} holds {constant}; every number must be finite", field=where)

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ProfileError(f"{where} is no JSON, or cut off: {error.msg} at line {error.lineno}", field=where) from None
    except RecursionError:
        raise ProfileError(f"{where} is nested too deeply", field=where) from None


def mapping(where: str, value: Any, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with these keys and no others; without any named, an object with any keys."""
    if not isinstance(value, dict):
        raise fail(where, "an object", value)
    missing = [k for k in required if k not in value]
    if missing:
        raise ProfileError(f"{where} lacks {', '.join(missing)}", field=f"{where}.{missing[0]}")
    extra = [k for k in value if k not in required and k not in optional]
    if extra and (required or optional):
        raise ProfileError(f"{where} has an unknown field {extra[0]!r}", field=f"{where}.{extra[0]}")
    return value


def number(where: str, value: Any, low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> float:
    """A finite number from ``low`` (without it, if ``above``) to ``high``."""
    finite = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not finite or not low <= value <= high or (above and value == low):
        rule = "a finite number" if low == -math.inf else f"a number {'above' if above else 'of at least'} {low:g}"
        raise fail(where, rule + (f" and at most {high:g}" if high < math.inf else ""), value)
    return float(value)


def text(where: str, value: Any, known: Collection[str] | None = None, limit: int = 2000) -> str:
    """A string, of those ``known`` if given."""
    if not isinstance(value, str) or len(value) > limit:
        raise fail(where, f"text of at most {limit} characters", value)
    if known is not None and value not in known:
        raise fail(where, f"one of {', '.join(known)}", value)
    return value


def numbers(
    where: str, value: Any, length: int | None = None, low: float = -math.inf, high: float = math.inf
) -> FloatArray:
    """A list of finite numbers within bounds, as an array of shape (length,)."""
    if not isinstance(value, list) or len(value) > MAX_NUMBERS or (length is not None and len(value) != length):
        raise fail(where, "a list" if length is None else f"a list of {length} numbers", value)
    if not all(type(v) in (int, float) for v in value):
        raise fail(where, "a list of numbers", next(v for v in value if type(v) not in (int, float)))
    array = np.array(value, dtype=np.float64)
    wrong = ~np.isfinite(array) | (array < low) | (array > high)
    if wrong.any():
        raise number_error(f"{where}[{int(np.argmax(wrong))}]", float(array[np.argmax(wrong)]), low, high)
    return array


def number_error(where: str, value: float, low: float, high: float) -> ProfileError:
    """The error of one number of a list."""
    bounds = f" of at least {low:g}" if low > -math.inf else ""
    return fail(where, f"a finite number{bounds}" + (f" and at most {high:g}" if high < math.inf else ""), value)


def names(where: str, value: Any, known: Mapping[str, Any]) -> tuple[str, ...]:
    """A list of distinct known names."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value) or len(set(value)) != len(value):
        raise fail(where, "a list of distinct names", value)
    unknown = [v for v in value if v not in known]
    if unknown:
        raise ProfileError(f"{where} names an unknown feature {unknown[0]!r}", field=where)
    return tuple(value)


def compact(values: FloatArray | Sequence[float], digits: int = 7) -> list[float]:
    """Numbers for JSON, to so many significant digits; whole ones without a fraction."""
    short = (float(f"{v:.{digits}g}") for v in np.asarray(values, dtype=np.float64).ravel())
    return [int(v) if v.is_integer() and abs(v) < 1e15 else v for v in short]
