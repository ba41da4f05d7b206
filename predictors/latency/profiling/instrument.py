"""Timing operators where they run: inside a real network, in its own cache, memory layouts and framework.

An operator timed alone reads warm inputs in the layout that the benchmark chose; in a network it reads what its
predecessor just wrote. So networks are run whole, every ATen call is timed in place, and the calls are matched with
the rows of the network's operator table. What lies between two calls (Python, views, copies without a row of their
own) belongs to the row that follows, and the total is scaled to the latency of the network without instruments, so
that the rows of a network always sum to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from predictors.latency.errors import MeasurementError
from search_spaces.operators import FloatArray, OperatorTable
from search_spaces.tracing.recorder import Recorder
from search_spaces.tracing.rules import Call

LEAST_ROUNDS = 3
UNCOUNTED = torch.ops.aten.detach.default
"""PyTorch slips it in under some modes and not under others."""
FLOOR_MS = 2e-4
"""No call is taken to cost less, once the instrument's own cost is subtracted."""


@dataclass(frozen=True)
class TimedNetwork:
    """A network's table and the milliseconds of its rows, shape (rows,), which sum to ``latency_ms``."""

    table: OperatorTable
    row_ms: FloatArray
    latency_ms: float


class _Rows(Recorder):
    """The recorder of ``search_spaces.tracing``, on real tensors; notes which rows each call brought."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.first_row: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator as it is and write down its rows."""
        name = func.overloadpacket.__name__
        name = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        out = func(*args, **(kwargs or {}))
        if func is UNCOUNTED:
            return out
        before = len(self.rows)
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        results = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        if results:
            self._record(Call(name, args, out, self._depends), tensors, results)
        self.first_row.append(before if len(self.rows) > before else -1)
        return out

    def _depends(self, tensor: Tensor) -> bool:
        return int(tensor.untyped_storage()._cdata) in self._data


class _Timer(TorchDispatchMode):
    """Notes when each ATen call begins and ends."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self.clock, self.moments = clock, [clock()]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator between two looks at the clock."""
        if func is UNCOUNTED:
            return func(*args, **(kwargs or {}))
        self.moments.append(self.clock())
        out = func(*args, **(kwargs or {}))
        self.moments.append(self.clock())
        return out


def time_rows(module: nn.Module, x_BCHW: Tensor, *, threads: int, time_cap_s: float, rounds: int = 12) -> TimedNetwork:
    """Time every row of ``module`` on one batch, in eager PyTorch on the CPU, with the threads already set.

    Plain and instrumented passes alternate, so that whatever disturbs the machine meets both; medians are taken per
    call. With one thread the clock is the thread's processor time, which other processes do not touch.
    Raises MeasurementError where the module's operators change from pass to pass.
    """
    clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns
    table, first_row = _mapped(module.eval(), x_BCHW)
    plain: list[int] = []
    timed: list[list[int]] = []
    until = time.perf_counter() + time_cap_s
    with torch.no_grad():
        while len(plain) < LEAST_ROUNDS or (len(plain) < rounds and time.perf_counter() < until):
            plain.append(_plain(module, x_BCHW, clock))
            timer = _Timer(clock)
            with timer:
                module(x_BCHW)
            timed.append(timer.moments)
    if any(len(moments) != 2 * len(first_row) + 1 for moments in timed):
        raise MeasurementError(f"{type(module).__name__} runs other operators from pass to pass; it cannot be profiled")
    latency_ms = float(np.median(plain)) / 1e6
    steps: FloatArray = np.median(np.diff(np.array(timed, dtype=np.float64), axis=1), axis=0) / 1e6
    calls = _calls(steps[1::2] - instrument_ms(threads), steps[0::2], latency_ms)
    return TimedNetwork(table, _to_rows(calls, first_row, len(table)), latency_ms)


def _mapped(module: nn.Module, x_BCHW: Tensor) -> tuple[OperatorTable, list[int]]:
    """The table of ``module`` as it really runs, and the row that each of its calls begins (-1: none)."""
    with torch.no_grad():
        module(x_BCHW)  # the first pass may fill caches
    hooks = [(m, dict(m._forward_pre_hooks), dict(m._forward_hooks)) for m in module.modules()]
    recorder = _Rows(module)
    try:
        with torch.no_grad(), recorder:
            out = module(x_BCHW)
        return recorder.table(out), recorder.first_row
    finally:
        for part, before, after in hooks:
            part._forward_pre_hooks.clear()
            part._forward_pre_hooks.update(before)
            part._forward_hooks.clear()
            part._forward_hooks.update(after)
            part._forward_hooks_always_called.clear()


def _plain(module: nn.Module, x_BCHW: Tensor, clock: Callable[[], int]) -> int:
    with torch.inference_mode():
        begin = clock()
        module(x_BCHW)
        return clock() - begin


def _calls(inside: FloatArray, between: FloatArray, latency_ms: float) -> FloatArray:
    """Milliseconds of each call with what precedes it, scaled so that they sum to the plain latency."""
    inside = np.maximum(inside, FLOOR_MS)
    rest = max(latency_ms - inside.sum(), 0.0)
    calls = inside + between * (rest / between.sum() if between.sum() > 0 else 0.0)
    return np.asarray(calls * (latency_ms / calls.sum()))


def _to_rows(calls: FloatArray, first_row: list[int], rows: int) -> FloatArray:
    """Give each call's time to the row that it begins, or to the next row where it has none (at the end: the last)."""
    begins = np.array(first_row)
    row = np.where(begins >= 0, begins, np.iinfo(np.int64).max)
    row = np.minimum.accumulate(row[::-1])[::-1]
    row = np.where(row < rows, row, begins.max(initial=0))
    return np.bincount(row, calls, rows).astype(np.float64)


_COST: dict[bool, float] = {}


def instrument_ms(threads: int) -> float:
    """What the timer adds to a call: a trivial operator timed by it, less its plain cost; measured once."""
    single = threads == 1
    if single not in _COST:
        clock = time.thread_time_ns if single else time.perf_counter_ns
        x, repeats = torch.zeros(1), 400
        with torch.no_grad():
            begin = clock()
            for _ in range(repeats):
                torch.relu(x)
            plain = (clock() - begin) / repeats
            timer = _Timer(clock)
            with timer:
                for _ in range(repeats):
                    torch.relu(x)
        _COST[single] = max(0.0, float(np.median(np.diff(timer.moments)[1::2])) - plain) / 1e6
    return _COST[single]
