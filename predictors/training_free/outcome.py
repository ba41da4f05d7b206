"""Outcome: what came of one proxy on one network. A failure is a recorded value, never a good score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "nan", "timeout", "memory", "error"]

SIGNIFICANT_DIGITS = 6
"""Values are rounded to it before anyone ranks or writes them, so that the last bits of a machine do not show."""


@dataclass(frozen=True)
class Outcome:
    """``value`` is a finite number where ``status`` is ``ok`` and None otherwise; ``message`` then says why.

    ``seconds`` is the wall time the proxy took; work that several proxies share is charged to the first that asked.
    It differs from run to run and is therefore left out of comparisons.
    """

    value: float | None
    status: Status
    seconds: float = field(default=0.0, compare=False)
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status == "ok"

    @classmethod
    def of(cls, value: float, seconds: float = 0.0) -> Outcome:
        """The outcome of a computed number: rounded to six significant digits; NaN and infinities become ``nan``."""
        if not math.isfinite(value):
            return cls(None, "nan", seconds, f"the proxy's value is {value}")
        return cls(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), "ok", seconds)

    @classmethod
    def failed(cls, status: Status, message: str, seconds: float = 0.0) -> Outcome:
        """An outcome without a value; the message is kept to one line of at most 200 characters."""
        return cls(None, status, seconds, " ".join(message.split())[:200])
