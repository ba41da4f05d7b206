"""Budgets as people write them: ``600MFLOPs``, ``400..600MFLOPs``, ``6Mparams``, ``50MB``, ``20ms@pixel6``.

One parser serves the CLI, the API and the service. FLOPs means MACs (multiply-accumulates), as in the literature of
these spaces: ``600MFLOPs`` is 600e6 MACs. ``MB`` limits the peak activation memory of one float32 image, and
``20ms@DEVICE`` (or ``3mJ@DEVICE``) the latency (or energy) that a device profile predicts for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from nas.devices import WRITTEN, DeviceQuantity, device_quantity
from nas.errors import BudgetError
from search_spaces.counting import Interval

PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
UNITS = {
    "flops": "macs", "flop": "macs", "macs": "macs", "mac": "macs",
    "params": "params", "param": "params", "parameters": "params",
    "activations": "activations", "activation": "activations", "acts": "activations",
}  # fmt: skip
BYTES = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
UNIT_TEXT = {"macs": "FLOPs", "params": "params", "activations": "activations", "memory": "B"}
NUMBER = r"\d+(?:_\d+)*(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+"
PATTERN = re.compile(
    rf"\s*(?:(?P<low>{NUMBER})?\s*(?P<dots>\.\.))?\s*(?P<high>{NUMBER})?\s*"
    r"(?P<unit>[a-zµ]+)\s*(?:@(?P<device>\S+))?\s*",
    re.I,
)
EXAMPLES = "600MFLOPs, 400..600MFLOPs, 6Mparams, 4Mactivations, 50MB, 20ms@pixel6"


@dataclass(frozen=True)
class Limit:
    """One quantity and the closed interval it must lie in, in base units.

    Those are MACs, parameters, elements, bytes, and on a device nanoseconds and nanojoules.
    """

    quantity: str
    low: float
    high: float

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{self.quantity} >= {self._amount(self.low)}"
        if self.low <= 0:
            return f"{self.quantity} <= {self._amount(self.high)}"
        return f"{self._amount(self.low)} <= {self.quantity} <= {self._amount(self.high)}"

    def _amount(self, value: float) -> str:
        device = device_quantity(self.quantity)
        if device is not None:
            return f"{value / device.scale:.4g} {device.unit}"
        return f"{compact(value)}{UNIT_TEXT.get(self.quantity, self.quantity)}"


def compact(value: float) -> str:
    """A number as people write it: 600M, 5.7M, 1.82G, 950."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= scale:
            return f"{value / scale:.4g}{prefix}"
    return f"{value:.4g}"


def _unit(text: str, device: str | None, whole: str) -> tuple[str, float]:
    """(quantity, factor to the base unit) of a unit such as ``MFLOPs``, or ``ms`` of a device."""
    name = text.lower().replace("µ", "u")
    if device is not None:
        if name not in WRITTEN:
            raise BudgetError(f"budget {whole!r}: {text!r} is no time or energy; write for example 20ms@{device}")
        measure, factor = WRITTEN[name]
        return DeviceQuantity(measure, device).name, factor
    if name in WRITTEN:
        raise BudgetError(
            f"budget {whole!r}: on which device? Write for example {whole.strip()}@pixel6 (see 'nas devices')"
        )
    if name in BYTES:
        return "memory", BYTES[name]
    for prefix, scale in PREFIXES.items():
        if name.startswith(prefix) and name[len(prefix) :] in UNITS:
            return UNITS[name[len(prefix) :]], scale
    raise BudgetError(f"budget {whole!r}: unknown unit {text!r}; write for example {EXAMPLES}", text=whole)


def parse_limit(text: str) -> Limit:
    """Read one budget. Raises BudgetError, naming what is wrong and what would be right."""
    match = PATTERN.fullmatch(text)
    if match is None or not (match["low"] or match["high"]):
        raise BudgetError(f"budget {text!r} cannot be read; write for example {EXAMPLES}", text=text)
    quantity, factor = _unit(match["unit"], match["device"], text)
    low = float(match["low"]) * factor if match["low"] else 0.0
    high = float(match["high"]) * factor if match["high"] else math.inf
    if not math.isfinite(low) or (match["high"] and not math.isfinite(high)):
        raise BudgetError(f"budget {text!r} is not a finite number", text=text)
    if low > high or high <= 0:
        raise BudgetError(f"budget {text!r} is empty: its upper end must be above 0 and its lower end", text=text)
    return Limit(quantity, low, high)


@dataclass(frozen=True)
class Budget:
    """Limits that hold together. ``Budget.parse("600MFLOPs")``, ``Budget.parse(["600MFLOPs", "6Mparams"])``."""

    texts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: str | Iterable[str] | Budget | None) -> Budget:
        """Read and check one budget or several. Raises BudgetError."""
        if isinstance(texts, Budget):
            return texts
        budget = cls(() if texts is None else (texts,) if isinstance(texts, str) else tuple(texts))
        _ = budget.intervals
        return budget

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """One per text, in order."""
        return tuple(parse_limit(t) for t in self.texts)

    @cached_property
    def intervals(self) -> Mapping[str, Interval]:
        """Quantity to interval; several limits on one quantity are intersected. Raises BudgetError if empty."""
        merged: dict[str, Interval] = {}
        for limit in self.limits:
            old = merged.get(limit.quantity, Interval())
            merged[limit.quantity] = Interval(max(old.low, limit.low), min(old.high, limit.high))
            if merged[limit.quantity].low > merged[limit.quantity].high:
                raise BudgetError(f"budgets {', '.join(self.texts)} leave no {limit.quantity} at all")
        return merged

    def __str__(self) -> str:
        return ", ".join(str(Limit(q, i.low, i.high)) for q, i in self.intervals.items()) or "no budget"
