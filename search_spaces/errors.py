"""The error hierarchy of the whole project, at its lowest layer so that every layer can raise it.

Each error carries the data a caller needs to react, and its message is one line that says what was wrong, what was
expected and the nearest valid choice.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class NasError(Exception):
    """Base of every error a user can cause or meet; ``str(error)`` is one line fit for a terminal."""

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.data = data


class SpaceError(NasError):
    """An architecture, genome or space option that the search space does not allow."""


class UnknownName(NasError):
    """A name that is in no registry. ``data``: ``name``, ``known``, ``suggestion`` (or None)."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """An :class:`UnknownName` whose message lists the known names and says "did you mean" where one is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return UnknownName(
        f"unknown {kind} {name!r}{hint} (known: {', '.join(names) or 'none'})",
        name=name,
        known=names,
        suggestion=close[0] if close else None,
    )
