"""Where networks are measured: in this process, or in a few forked ones, a thread each."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from nas.designers.asvit.judge import Measure
from nas.designers.asvit.measure import Bench, Measured, Task
from nas.errors import RunFailed

_bench: Bench | None = None
"""Of a worker process."""


@contextmanager
def measuring(bench: Bench, workers: int) -> Iterator[Measure]:
    """A way to run tasks; 0 or 1 worker, or a system that cannot fork: one after the other, here."""
    if workers < 2 or "fork" not in mp.get_all_start_methods():
        yield lambda tasks: ((task, bench.measure(task)) for task in tasks)
        return
    pool = ProcessPoolExecutor(workers, mp.get_context("fork"), _enter, (bench,))
    try:
        yield lambda tasks: _spread(pool, tasks)
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _spread(pool: ProcessPoolExecutor, tasks: Iterable[Task]) -> Iterator[tuple[Task, Measured]]:
    futures: dict[Future[Measured], Task] = {pool.submit(_measure, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        raise RunFailed("a worker process was ended from outside (out of memory?); try fewer --workers") from None


def _enter(bench: Bench) -> None:
    global _bench
    _bench = bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot say goodbye, and its children would wait for work for ever."""
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measure(task: Task) -> Measured:
    if _bench is None:
        raise RuntimeError("a worker without a bench")
    return _bench.measure(task)
