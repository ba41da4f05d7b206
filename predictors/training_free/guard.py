"""Limits on one candidate: a network that hangs or exhausts memory costs itself only, not the search.

**Time.** In the main thread a POSIX interval timer raises :class:`TimedOut` (this also ends a ``sleep``); in any other
thread, where Ray Tune runs function trainables, a timer thread raises it asynchronously. Either way Python notices
between two bytecodes, so one long operator inside torch is waited for.

**Memory.** On Linux the address space may grow by ``Limits.memory_bytes`` while a candidate is scored; an allocation
beyond it fails as an exception here instead of waking the kernel's out-of-memory killer.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from predictors.training_free.outcome import Status


@dataclass(frozen=True)
class Limits:
    """What one candidate may use, over all of its proxies together. None: no limit."""

    seconds: float | None = 120.0
    memory_bytes: int | None = 8 * 2**30


class TimedOut(BaseException):
    """The candidate's time is over. Not an Exception, so that ``except Exception`` in a model cannot swallow it."""


def status_of(error: BaseException) -> Status:
    """Which outcome an error is."""
    if isinstance(error, TimedOut):
        return "timeout"
    no_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return "memory" if no_memory or "allocate memory" in str(error) else "error"


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimedOut` inside the block after ``seconds``."""
    if seconds is None:
        yield
        return
    if seconds <= 0:
        raise TimedOut
    main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    with _by_signal(seconds) if main else _by_thread(seconds):
        yield


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    def fire(*_: Any) -> None:
        raise TimedOut

    begin, handler = time.monotonic(), signal.signal(signal.SIGALRM, fire)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, handler)
        if left:  # somebody else's timer (a test runner's) goes on where it would be now
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begin), 1e-3), interval)


@contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    raise_in, target, lock = ctypes.pythonapi.PyThreadState_SetAsyncExc, threading.get_ident(), threading.Lock()
    over = False

    def fire() -> None:
        with lock:
            if not over:
                raise_in(ctypes.c_ulong(target), ctypes.py_object(TimedOut))

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            over = True
        raise_in(ctypes.c_ulong(target), None)  # one that was fired but not yet noticed must not hit the caller


@contextmanager
def memory_limit(extra_bytes: int | None) -> Iterator[None]:
    """Let the address space grow by ``extra_bytes`` at most; without effect where the system has no such limit."""
    status = Path("/proc/self/statm")
    if extra_bytes is None or not status.exists():
        with nullcontext():
            yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = int(status.read_text().split()[0]) * resource.getpagesize() + extra_bytes
    ceilings = [c for c in (soft, hard) if c != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *ceilings]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
