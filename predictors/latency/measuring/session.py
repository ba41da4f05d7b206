"""Measuring a network: warm up until it is steady, repeat until the median is known well enough, say what disturbed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from predictors.latency.measuring.clocks import Call, Clock, CpuClock, CudaClock
from predictors.latency.measuring.hardware import describe_hardware, describe_software
from predictors.latency.measuring.neighbours import Snapshot, load_per_core
from predictors.latency.measuring.record import Disturbance, Measurement
from predictors.latency.measuring.reference import ReferenceKernel
from predictors.latency.measuring.runtimes import Setting, input_size, ready
from predictors.latency.measuring.statistics import half_width, is_bimodal, median_interval, trend

if TYPE_CHECKING:
    from torch import nn

PRECISION = 0.02
"""Half of the median's 95 % interval that is aimed at, relative to the median."""
TIME_CAP_S = 10.0
LEAST_REPEATS, MOST_REPEATS = 10, 10_000
WARM_WINDOW, WARM_CHANGE, WARM_SHARE = 5, 0.02, 0.3
REFERENCE_EVERY_S = 0.25
PREEMPTED_SHARE, PREEMPTED_MS = 0.03, 0.05
"""A repeat lost its core where the wall clock shows that much more than the processor clock."""
UNDISTURBED_SHARE = 0.25


@dataclass
class _Samples:
    """Timings in order, in milliseconds."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, pair: tuple[float, float | None]) -> None:
        self.wall.append(pair[0])
        if pair[1] is not None:
            self.processor.append(pair[1])

    def preempted(self) -> np.ndarray | None:
        """Which repeats lost their core, shape (repeats,); None where it cannot be told."""
        if not self.processor:
            return None
        wall, own = np.array(self.wall), np.array(self.processor)
        return wall - own > PREEMPTED_SHARE * own + PREEMPTED_MS

    def chosen(self) -> tuple[np.ndarray, str]:
        """The timings that the median is taken of, and what they are."""
        lost = self.preempted()
        if lost is None:
            return np.array(self.wall), "median of the wall clock"
        kept = np.array(self.wall)[~lost]
        if not lost.any():
            return kept, "median of the wall clock"
        if len(kept) >= max(LEAST_REPEATS, UNDISTURBED_SHARE * len(lost)):
            return kept, "median of the wall clock over the repeats that kept their core"
        return np.array(self.processor), "median of the processor time (too few repeats kept their core)"


def measure(
    module: nn.Module, *, name: str = "", setting: Setting | None = None, size: Sequence[int] | None = None,
    precision: float = PRECISION, time_cap_s: float = TIME_CAP_S,
) -> Measurement:  # fmt: skip
    """Latency of one batch of ``module``.

    ``size`` is (C, H, W), by default the module's own. Repeats stop once the 95 % interval of the median is within
    ``precision`` of it on either side, or after ``time_cap_s`` seconds (which the record then says).
    Raises MeasurementError where the device or runtime is not there, or the module cannot run in it.
    """
    setting = setting or Setting()
    size = tuple(size or input_size(module))
    with ready(module, size, setting) as call:
        samples, reference, warmup, disturbance = _record(call, setting, precision, time_cap_s)
    values, statistic = samples.chosen()
    median, low, high = median_interval(values)
    lost = samples.preempted()
    found = Disturbance(
        steal=disturbance[0], switches=disturbance[1], load=load_per_core(),
        preempted=None if lost is None else float(lost.mean()), bimodal=is_bimodal(values), trend=trend(values),
        reference_change=_change(reference),
    )  # fmt: skip
    return Measurement(
        name=name or type(module).__name__, device=setting.device, runtime=setting.runtime, batch=setting.batch,
        threads=setting.threads, dtype=setting.dtype, input_size=tuple(size), latency_ms=median, low_ms=low,
        high_ms=high, statistic=statistic, samples_ms=tuple(samples.wall), warmup=warmup,
        processor_ms=tuple(samples.processor), reference_ms=tuple(reference), disturbance=found,
        warnings=_warnings(found, half_width(values), precision, statistic),
        hardware=describe_hardware(setting.device), software=describe_software(setting.runtime),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def _record(
    call: Call, setting: Setting, precision: float, time_cap_s: float
) -> tuple[_Samples, list[float], int, tuple[float, int]]:
    """(samples, reference timings, warm-up runs, (stolen share, involuntary switches))."""
    clock: CpuClock | CudaClock = CudaClock() if setting.device == "cuda" else CpuClock(setting.threads)
    reference = ReferenceKernel(setting.device, clock)
    warmup = warm_up(call, clock, WARM_SHARE * time_cap_s)
    samples, before = _Samples(), Snapshot.take()
    start = last = time.perf_counter()
    reference.time()
    while not _enough(samples, precision, time.perf_counter() - start, time_cap_s):
        samples.add(clock.time(call))
        if time.perf_counter() - last > REFERENCE_EVERY_S:
            reference.time()
            last = time.perf_counter()
    reference.time()
    return samples, reference.times_ms, warmup, Snapshot.take().since(before)


def _enough(samples: _Samples, precision: float, elapsed_s: float, time_cap_s: float) -> bool:
    n = len(samples.wall)
    if n < LEAST_REPEATS:
        return n >= 2 and elapsed_s > 3 * time_cap_s
    if elapsed_s > time_cap_s or n >= MOST_REPEATS:
        return True
    return n % LEAST_REPEATS == 0 and half_width(samples.chosen()[0]) <= precision


def warm_up(call: Call, clock: Clock, time_cap_s: float) -> int:
    """Run until the medians of two windows of five runs agree within 2 %, or time is up; returns the runs made."""
    times: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < time_cap_s or len(times) < 2:
        wall, own = clock.time(call)
        times.append(wall if own is None else own)
        window, earlier = times[-WARM_WINDOW:], times[-2 * WARM_WINDOW : -WARM_WINDOW]
        if len(earlier) == WARM_WINDOW and abs(np.median(window) / np.median(earlier) - 1) < WARM_CHANGE:
            break
    return len(times)


def _change(reference: Sequence[float]) -> float:
    """Slowest over fastest third of the reference kernel's timings (medians), minus 1."""
    ordered = sorted(reference)
    third = max(1, len(ordered) // 3)
    return float(np.median(ordered[-third:]) / np.median(ordered[:third]) - 1.0)


def _warnings(found: Disturbance, width: float, precision: float, statistic: str) -> tuple[str, ...]:
    said = {
        f"the 95 % interval is ±{width:.1%} of the median, wider than ±{precision:.0%}: give it more time":
            width > precision,
        f"other processes took the core in {found.preempted or 0:.0%} of the repeats; figure: {statistic}":
            (found.preempted or 0) > 0.1,
        f"the hypervisor gave {found.steal:.1%} of the time to other guests": found.steal > 0.01,
        f"{found.load:.1f} processes per core want to run (average of the last minute)": found.load > 1.2,
        "the timings fall into two groups: the machine changes between two speeds": found.bimodal,
        f"the latency drifted by {found.trend:+.1%} while it was measured": found.trend != 0,
        f"a fixed kernel varied by {found.reference_change:.1%}: clock frequency or memory is shared":
            found.reference_change > 0.05,
    }  # fmt: skip
    return tuple(text for text, holds in said.items() if holds)
