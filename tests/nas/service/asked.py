"""Requests that cost nothing, for tests of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nas.service.store.submitting import Demand


@dataclass(frozen=True)
class Asked:
    """A request for nothing."""

    number: int = 0
    kind: str = "search"
    candidates: int | None = None
    seconds: float | None = None

    def document(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "number": self.number}

    def demand(self) -> Demand:
        """What it would cost."""
        return Demand(self.candidates, self.seconds)
