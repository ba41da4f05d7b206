"""Checks of plain data from outside, for grammars: each names the field, the rule and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.errors import SpaceError

MAX_TEXT = 60
"""Characters of an offending value that a message repeats."""


class Checker:
    """The checks of one space; messages start with its name."""

    def __init__(self, space: str) -> None:
        self.space = space

    def fail(self, where: str, rule: str, value: Any) -> SpaceError:
        """The error of one field, its value cut to a readable length."""
        text = repr(value)
        short = text[:MAX_TEXT] + "..." if len(text) > MAX_TEXT else text
        return SpaceError(f"{self.space}: {where} must be {rule}, got {short}")

    def whole(self, where: str, value: Any, low: int, high: int, multiple: int = 1) -> int:
        """An integer in range, a multiple of ``multiple``."""
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high or value % multiple:
            what = f"a multiple of {multiple}" if multiple > 1 else "a whole number"
            raise self.fail(where, f"{what} from {low:,} to {high:,}", value)
        return value

    def number(self, where: str, value: Any, low: float, high: float) -> float:
        """A number in range, as a float."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(where, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def flag(self, where: str, value: Any) -> bool:
        """True or False, and nothing that merely looks like it."""
        if not isinstance(value, bool):
            raise self.fail(where, "true or false", value)
        return value

    def items(self, where: str, value: Any, low: int, high: int) -> list[Any]:
        """A list of ``low`` to ``high`` items."""
        if not isinstance(value, (list, tuple)) or not low <= len(value) <= high:
            raise self.fail(where, f"a list of {low} to {high} items" if low != high else f"a list of {low}", value)
        return list(value)

    def fields(self, where: str, value: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
        """An object with exactly these keys."""
        if not isinstance(value, Mapping) or set(value) != set(keys):
            raise self.fail(where, f"an object with the keys {', '.join(keys)}", value)
        return value
