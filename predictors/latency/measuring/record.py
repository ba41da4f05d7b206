"""The one record of a latency measurement, whatever the device and runtime: plain data, to and from JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from predictors.latency.errors import MeasurementError

FORMAT = 1


@dataclass(frozen=True)
class Disturbance:
    """What else happened on the machine meanwhile. Shares are of the time measured, 0 .. 1.

    ``steal``: taken by the hypervisor for other guests. ``preempted``: repeats during which the process lost its core
    (None where it cannot be told). ``switches``: involuntary context switches. ``load``: running processes per core.
    ``reference_change``: of a fixed kernel, slowest over fastest third of its timings, minus 1 (clock, neighbours).
    ``trend``: of the latency itself, last over first third minus 1, 0 where it may be chance.
    """

    steal: float = 0.0
    load: float = 0.0
    switches: int = 0
    preempted: float | None = None
    bimodal: bool = False
    trend: float = 0.0
    reference_change: float = 0.0


@dataclass(frozen=True)
class Measurement:
    """Latency of one call of a network, in milliseconds for the whole batch.

    ``latency_ms`` is the median by ``statistic`` and ``low_ms .. high_ms`` its interval at ``confidence``. Every
    repeat is in ``samples_ms`` (wall clock, or CUDA events), in order, outliers too; on one CPU thread
    ``processor_ms`` has the processor time of the same repeats. ``reference_ms`` are timings of a fixed kernel before,
    between and after.
    """

    name: str
    device: str
    runtime: str
    batch: int
    threads: int
    dtype: str
    input_size: tuple[int, ...]
    latency_ms: float
    low_ms: float
    high_ms: float
    statistic: str
    samples_ms: tuple[float, ...]
    warmup: int
    confidence: float = 0.95
    processor_ms: tuple[float, ...] = ()
    reference_ms: tuple[float, ...] = ()
    disturbance: Disturbance = Disturbance()
    warnings: tuple[str, ...] = ()
    hardware: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    format: int = FORMAT

    @property
    def half_width(self) -> float:
        """Half of the interval, relative to the median."""
        return (self.high_ms - self.low_ms) / 2 / self.latency_ms

    def to_json(self) -> str:
        """A JSON document that :meth:`from_json` reads back."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Measurement:
        """Read :meth:`to_json`'s document. Raises MeasurementError, which names the field."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MeasurementError(f"measurement is not JSON: {error}") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise MeasurementError(f"measurement must be an object of format {FORMAT}", field="format")
        known = {f.name for f in fields(cls)}
        missing = [f.name for f in fields(cls) if f.name not in document]
        if missing or document.keys() - known:
            wrong = (missing or sorted(document.keys() - known))[0]
            raise MeasurementError(
                f"measurement: {wrong!r} is {'missing' if missing else 'no field of it'}", field=wrong
            )
        _check(document)
        for name in ("input_size", "samples_ms", "processor_ms", "reference_ms", "warnings"):
            document[name] = tuple(document[name])
        document["disturbance"] = Disturbance(**document["disturbance"])
        return cls(**document)


def _check(document: Mapping[str, Any]) -> None:
    for name in ("name", "device", "runtime", "dtype", "statistic", "created"):
        _demand(isinstance(document[name], str), name, "text")
    for name in ("batch", "threads"):
        _demand(_whole(document[name]) and document[name] >= 1, name, "a whole number from 1")
    _demand(_whole(document["warmup"]) and document["warmup"] >= 0, "warmup", "a whole number")
    for name in ("latency_ms", "low_ms", "high_ms"):
        _demand(_positive(document[name]), name, "a positive number of milliseconds")
    for name in ("samples_ms", "processor_ms", "reference_ms"):
        values = document[name]
        _demand(isinstance(values, list) and all(_positive(v) for v in values), name, "a list of positive numbers")
    _demand(len(document["samples_ms"]) > 0, "samples_ms", "not empty")
    _demand(_positive(document["confidence"]) and document["confidence"] < 1, "confidence", "between 0 and 1")
    _demand(isinstance(document["input_size"], list), "input_size", "a list of whole numbers")
    _demand(all(_whole(v) for v in document["input_size"]), "input_size", "a list of whole numbers")
    texts = document["warnings"]
    _demand(isinstance(texts, list) and all(isinstance(v, str) for v in texts), "warnings", "a list of texts")
    for name in ("hardware", "software"):
        _demand(isinstance(document[name], dict), name, "an object")
    found, known = document["disturbance"], {f.name for f in fields(Disturbance)}
    _demand(isinstance(found, dict) and found.keys() <= known, "disturbance", f"an object of {sorted(known)}")
    numbers = [v for k, v in found.items() if not (k == "preempted" and v is None)]
    _demand(all(isinstance(v, (int, float)) and math.isfinite(v) for v in numbers), "disturbance", "of finite numbers")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _demand(fine: bool, name: str, expected: str) -> None:
    if not fine:
        raise MeasurementError(f"measurement: {name!r} must be {expected}", field=name)
