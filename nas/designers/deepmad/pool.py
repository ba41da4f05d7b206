"""Where tasks run: in this process, or in a few forked ones that share the threshold."""

from __future__ import annotations

import multiprocessing as mp
import queue
from collections.abc import Iterator
from typing import Any

from .problem import Problem
from .tables import Tables
from .work import Done, Worker, call, install


class Inline:
    """Every task at once, here."""

    width = 1

    def __init__(self, problem: Problem, levels: list[Tables], threshold: float) -> None:
        self.threshold = threshold
        self._worker = Worker(problem, levels, lambda: self.threshold)
        self._done: list[tuple[Any, Done]] = []

    def submit(self, tag: Any, method: str, *args: Any) -> None:
        """Run a task; its result waits for :meth:`results`."""
        self._done.append((tag, getattr(self._worker, method)(*args)))

    def results(self) -> Iterator[tuple[Any, Done]]:
        """Finished tasks."""
        while self._done:
            yield self._done.pop()

    def raise_threshold(self, value: float) -> None:
        """A better objective is known."""
        self.threshold = max(self.threshold, value)

    def stop(self) -> None:
        """Nothing to end."""


class Forked:
    """``width`` child processes; copies of the tables cost no memory until written."""

    def __init__(self, problem: Problem, levels: list[Tables], threshold: float, width: int) -> None:
        context = mp.get_context("fork")
        self.width = width
        self._shared = context.Value("d", threshold)
        self._results: queue.SimpleQueue[tuple[Any, Done | BaseException]] = queue.SimpleQueue()
        self._pool = context.Pool(width, install, (problem, levels, self._shared))

    def submit(self, tag: Any, method: str, *args: Any) -> None:
        """Send a task."""
        self._pool.apply_async(
            call,
            (method, *args),
            callback=lambda done: self._results.put((tag, done)),
            error_callback=lambda error: self._results.put((tag, error)),
        )

    def results(self) -> Iterator[tuple[Any, Done]]:
        """Finished tasks; waits a moment for the first."""
        wait = True
        while True:
            try:
                tag, done = self._results.get(timeout=0.2) if wait else self._results.get_nowait()
            except queue.Empty:
                return
            if isinstance(done, BaseException):
                raise done
            wait = False
            yield tag, done

    def raise_threshold(self, value: float) -> None:
        """A better objective is known."""
        with self._shared.get_lock():
            self._shared.value = max(self._shared.value, value)

    def stop(self) -> None:
        """End the children."""
        self._pool.terminate()
        self._pool.join()


def make_pool(problem: Problem, levels: list[Tables], threshold: float, workers: int) -> Inline | Forked:
    """Forked workers where the system can fork, else this process."""
    if workers > 1 and "fork" in mp.get_all_start_methods():
        return Forked(problem, levels, threshold, workers)
    return Inline(problem, levels, threshold)
