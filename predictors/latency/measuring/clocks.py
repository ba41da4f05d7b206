"""How long one call takes: processor and wall clock on a CPU, events on a CUDA device. Milliseconds throughout."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

Call = Callable[[], Any]


class Clock(Protocol):
    """Times one call: (wall or device milliseconds, processor milliseconds or None)."""

    def time(self, call: Call) -> tuple[float, float | None]:
        """Run ``call`` once, to its end, and say how long it took."""


class CpuClock:
    """Wall clock; with one thread also the time that the thread held the processor.

    The two agree on a quiet machine. Where other processes take the core, processor time leaves their turns out, and
    so tells what the network itself needs. With several threads it says nothing about latency and is left out.
    """

    def __init__(self, threads: int) -> None:
        self.single = threads == 1

    def time(self, call: Call) -> tuple[float, float | None]:
        """See :class:`Clock`."""
        wall, own = time.perf_counter_ns(), time.thread_time_ns()
        call()
        own, wall = time.thread_time_ns() - own, time.perf_counter_ns() - wall
        return wall / 1e6, own / 1e6 if self.single else None


class CudaClock:
    """Two events around the call on an idle stream: what a caller waits who asks for one result at a time.

    Launches count, as they do in use: where Python is slower than the device, that is the latency.
    """

    def __init__(self) -> None:
        import torch

        self.cuda = torch.cuda
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def time(self, call: Call) -> tuple[float, float | None]:
        """See :class:`Clock`."""
        self.cuda.synchronize()
        self.begin.record()
        call()
        self.end.record()
        self.end.synchronize()
        return float(self.begin.elapsed_time(self.end)), None
