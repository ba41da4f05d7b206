"""The kinds of task of the branch and bound, each a pure function of its arguments and the shared threshold."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .closing import HardLeaf, bundle_of, close
from .exact import EPS, LABELS, TooManyLabels, best_above
from .families import Array
from .incumbent import Incumbent, to_structure
from .milp import NotProven, best_above_milp
from .problem import Problem
from .relaxation import AtDepths, Relaxation
from .structure import Structure
from .tables import Tables
from .whole import WholeBox, lowest

Context = tuple[tuple[int, int], ...]  # sorted (stage, width index) pairs
INLINE = 6  # better structures found in hard leaves on the way, so that the threshold rises early
INLINE_LABELS = 50_000
COARSE = 4  # hard leaves after which an interval context is split rather than refined
_CACHED = (4, 24)  # relaxations kept per process: large ones of a large grid, others


@dataclass(slots=True)
class Done:
    """What a task found out."""

    bound: float  # of everything in the task's region that is not in ``hard``
    ys: list[Array] = field(default_factory=list)
    hard: list[HardLeaf] = field(default_factory=list)  # still to be solved
    solved: list[HardLeaf] = field(default_factory=list)  # proven: nothing above their ``bound``
    structures: list[Structure] = field(default_factory=list)
    depths: tuple[int, ...] = ()  # the worst ones


class Worker:
    """One process's tables and cache. ``threshold()`` is the best objective known to any process."""

    def __init__(self, problem: Problem, levels: list[Tables], threshold: Callable[[], float]) -> None:
        self.problem, self.levels, self.threshold = problem, levels, threshold
        self._cache: OrderedDict[tuple[int, Context], Relaxation] = OrderedDict()

    def relaxation(self, level: int, context: Context) -> Relaxation:
        """The relaxation of a context, cached."""
        key = (level, context)
        if key not in self._cache:
            self._cache[key] = Relaxation(self.levels[level], dict(context))
            if len(self._cache) > _CACHED[self.levels[-1].exact]:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def ranges(self) -> list[range]:
        """All depths."""
        return [range(1, top + 1) for top in self.levels[0].depths]

    def close(
        self, level: int, context: Context, y: Array, depths: tuple[int, ...], seconds: float, max_hard: int = 400
    ) -> Done:
        """Close a context at the threshold; the first hard leaves are solved on the way."""
        r, end = self.relaxation(level, context), time.monotonic() + seconds
        if r.empty:
            return Done(-np.inf)
        exact, structures = self.levels[level].exact, list[Structure]()
        start = bundle_of(r.at(depths), y)
        start.descend(self.threshold())

        def solve_leaf(leaf: AtDepths, hard: HardLeaf, threshold: float) -> float | None:
            if len(structures) >= INLINE or time.monotonic() > end:
                return None
            proof = self._prove(r, leaf, hard, threshold, INLINE_LABELS)
            structures.extend(proof.structures)
            return proof.solved[0].bound if proof.solved else None

        found = close(
            r,
            start.y,
            self.threshold(),
            self.ranges(),
            end,
            max_hard=max_hard if level + 1 == len(self.levels) else COARSE,
            solve_leaf=solve_leaf if exact else None,
        )
        return Done(found.bound, found.ys, found.hard, found.solved, structures, found.worst)

    def bound(self, level: int, context: Context, y: Array, rounds: int) -> Done:
        """A quick bound of a whole context: one multiplier set for all of its depth vectors."""
        r = self.relaxation(level, context)
        if r.empty:
            return Done(-np.inf)
        box = WholeBox(r, self.ranges())
        value, best = lowest(box, y, self.threshold(), rounds)
        return Done(value, [best], depths=box.bound(best)[1])

    def climb(self, best: Incumbent, seed: int, seconds: float) -> Done:
        """A better structure next to ``best`` (seed 0), or by climbing from elsewhere."""
        from .climb import restart, step

        found = restart(self.problem, best, seed, seconds) if seed else step(self.problem, best, seconds)
        return Done(-np.inf, structures=[found.structure])

    def leaf(self, level: int, context: Context, leaf: HardLeaf) -> Done:
        """Solve a leaf exactly: the best structure above the threshold, or the proof that there is none."""
        r, threshold = self.relaxation(level, context), self.threshold()
        if leaf.bound <= threshold:
            return Done(-np.inf, solved=[HardLeaf(leaf.depths, leaf.bound, leaf.ys[:1])])
        return self._prove(r, r.at(leaf.depths), leaf, threshold, LABELS)

    def _prove(self, r: Relaxation, at: AtDepths, leaf: HardLeaf, threshold: float, labels: int) -> Done:
        try:
            found = best_above(at, leaf.ys, threshold, labels)
        except TooManyLabels:
            if labels < LABELS:  # on the way: not now
                return Done(leaf.bound, hard=[leaf])
            try:
                found = best_above_milp(at, leaf.ys[0], threshold)
            except NotProven:
                return Done(leaf.bound, hard=[leaf])
        bound = (threshold if found is None else max(found[0], threshold)) + EPS
        proof = HardLeaf(leaf.depths, min(bound, leaf.bound), leaf.ys[:1])
        structures = [] if found is None else [to_structure(self.problem, r, found[1], leaf.depths)]
        return Done(-np.inf, solved=[proof], structures=structures)


_worker: Worker | None = None


def install(problem: Problem, levels: list[Tables], shared: Any) -> None:
    """Set up this process; an interrupt is the parent's business."""
    import signal

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = Worker(problem, levels, lambda: shared.value)


def call(method: str, *args: Any) -> Done:
    """Run a task in a process set up by :func:`install`."""
    if _worker is None:
        raise RuntimeError("the worker process was not installed")
    return getattr(_worker, method)(*args)  # type: ignore[no-any-return]
