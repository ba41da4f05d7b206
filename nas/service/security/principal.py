"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass

from nas.service.jobs import SCOPES


@dataclass(frozen=True)
class Principal:
    """A user, and what they may do: ``read``, ``submit`` (and cancel or delete their own), ``admin`` (anybody's)."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the scope is theirs; ``admin`` has every one, ``submit`` may read."""
        return scope in self.scopes or "admin" in self.scopes or (scope == "read" and "submit" in self.scopes)


LOCAL = Principal("local", frozenset(SCOPES))
"""Whoever sits at a machine whose server nobody else can reach."""
