"""Best-first branch and bound over contexts and hard leaves (section 4.4).

Every region of the search domain is at all times in exactly one place: waiting in the queue with an upper bound,
under way, or closed with evidence. The bound of the whole problem is the largest of these.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from .closing import HardLeaf, bundle_of
from .exact import EPS
from .families import Array
from .incumbent import Incumbent, better, locate
from .pool import Forked, Inline
from .problem import Problem
from .relaxation import Relaxation, context_stages
from .structure import Structure
from .tables import Tables
from .whole import WholeBox, lowest
from .work import Context, Done

RETRIES = 6  # times a context on the finest axes is tried, for longer each time
CLIMB = -1  # tag of the search around the incumbent
QUICK = (6, 3)  # bisections of a quick bound, on the coarsest axes and on finer ones
Progress = Callable[[float, float | None, float, float], None]  # seconds, incumbent, bound, gap


@dataclass(slots=True)
class Node:
    """A region that waits: a context (``leaf`` None) or one depth vector of it."""

    bound: float
    level: int
    context: Context
    task: str
    y: Array
    depths: tuple[int, ...] = ()
    leaf: HardLeaf | None = None
    tries: int = 0
    backing: tuple[int, Context] | None = None  # the region whose evidence gives ``bound``


@dataclass(slots=True)
class Evidence:
    """Why a context has its bound: multiplier sets for all its depth vectors but the leaves."""

    ys: list[Array] = field(default_factory=list)
    leaves: dict[tuple[int, ...], tuple[float, str]] = field(default_factory=dict)  # depths -> (bound, how)
    bound: float = np.inf  # of everything but the leaves
    split: bool = False  # replaced by its children on the next level


class Search:
    """The state of one run; :meth:`run` advances it until a gap, a time, or the end."""

    def __init__(
        self,
        problem: Problem,
        levels: list[Tables],
        best: Incumbent | None,
        floor: float,
        *,
        first_bounds: bool = True,
        large: bool = False,
    ) -> None:
        self.problem, self.levels, self.best, self.floor = problem, levels, best, floor
        self.started = time.monotonic()
        self.evidence: dict[tuple[int, Context], Evidence] = {}
        self._heap: list[tuple[float, int, Node]] = []
        self._flight: dict[int, Node] = {}
        self._count = itertools.count()
        self._backed: set[tuple[int, Context] | None] = set()
        self.closed = -np.inf  # largest bound at which a region was closed
        self.stages = context_stages(levels[0])
        y = self.first_multipliers()
        start = depths_of(best.structure) if best else tuple(1 for _ in levels[0].depths)
        if first_bounds and best:
            r = Relaxation(levels[0], locate(levels[0], best.structure, self.stages))
            y = lowest(WholeBox(r, [range(1, top + 1) for top in levels[0].depths]), y, self.threshold, 2)[1]
        for context in contexts(levels[0], self.stages):
            self._begin(Node(np.inf, 0, context, "bound" if large else "close", y, start), first_bounds)

    def _begin(self, node: Node, with_bound: bool) -> None:
        """Every region waits with a bound, so that there is a finite one from the start."""
        if with_bound:
            r, key = Relaxation(self.levels[0], dict(node.context)), (0, node.context)
            if r.empty:
                self.evidence[key] = Evidence(bound=-np.inf)
                return
            box = WholeBox(r, [range(1, top + 1) for top in self.levels[0].depths])
            node.y, node.backing = box.priced(node.y), key
            node.bound = box.bound(node.y)[0]
            self.evidence[key] = Evidence([node.y], bound=node.bound)
        self._push(node)

    # ---- what is known -------------------------------------------------------------------------------------------

    @property
    def threshold(self) -> float:
        """Regions are closed at this value."""
        return self.best.objective if self.best else self.floor

    @property
    def bound(self) -> float:
        """No structure of the domain has a larger objective."""
        waiting = -self._heap[0][0] if self._heap else -np.inf
        flight = max((n.bound for n in self._flight.values()), default=-np.inf)
        return max(waiting, flight, self.closed, self.best.objective if self.best else -np.inf)

    @property
    def gap(self) -> float:
        """``(bound - incumbent) / |incumbent|``."""
        if self.best is None:
            return float("inf")
        return max(0.0, self.bound - self.best.objective) / max(abs(self.best.objective), 1e-9)

    @property
    def finished(self) -> bool:
        """Nothing is left to close."""
        return not self._heap and not self._flight

    # ---- advancing -----------------------------------------------------------------------------------------------

    def run(
        self, pool: Inline | Forked, gap: float, deadline: float, on_progress: Progress | None, climbing: float = 0.0
    ) -> None:
        """Work until the gap is reached, the time is up or the domain is exhausted.

        Until ``climbing`` (``time.monotonic``) one task at a time is a search around the incumbent.
        """
        shown, climbs, restarts = 0.0, False, 0
        centre: Incumbent | None = None
        while not self.finished and time.monotonic() < deadline:
            if self.best and not climbs and time.monotonic() < climbing:
                restarts += self.best == centre  # nothing better next to it: climb from elsewhere
                seed = restarts if self.best == centre else 0
                climbs, centre = True, self.best
                pool.submit(CLIMB, "climb", centre, seed, climbing - time.monotonic())
            while self._heap and len(self._flight) < pool.width + 1 - climbs:
                self._submit(pool, deadline)
                if isinstance(pool, Inline):
                    break
            for tag, done in pool.results():
                if tag == CLIMB:
                    self._take(done)
                else:
                    self._receive(self._flight.pop(tag), done)
                climbs = climbs and tag != CLIMB
                pool.raise_threshold(self.threshold)
            if on_progress and time.monotonic() - shown > 0.5:
                shown = time.monotonic()
                self.report(on_progress)
            if self.gap <= gap and gap > 0:
                return

    def report(self, on_progress: Progress) -> None:
        """Tell where we are."""
        seconds = time.monotonic() - self.started
        on_progress(seconds, self.best.objective if self.best else None, self.bound, self.gap)

    def _submit(self, pool: Inline | Forked, deadline: float) -> None:
        node = heapq.heappop(self._heap)[2]
        if node.bound <= self.threshold:  # closed by a better incumbent
            self.closed = max(self.closed, node.bound)
            self._backed.add(node.backing)
            return
        tag = next(self._count)
        self._flight[tag] = node
        if node.task == "bound":
            pool.submit(tag, "bound", node.level, node.context, node.y, QUICK[min(node.level, 1)])
        elif node.task == "leaf":
            pool.submit(tag, "leaf", node.level, node.context, node.leaf)
        else:
            first = 20.0 if self.levels[node.level].exact else 4.0
            seconds = max(0.1, min(deadline - time.monotonic(), first * 2**node.tries))
            pool.submit(tag, "close", node.level, node.context, node.y, node.depths, seconds)

    def _push(self, node: Node) -> None:
        heapq.heappush(self._heap, (-node.bound, next(self._count), node))

    def _take(self, done: Done) -> None:
        for structure in done.structures:
            self.best = better(self.problem, structure, self.best)

    def _receive(self, node: Node, done: Done) -> None:
        self._take(done)
        if node.task == "bound":
            self._bounded(node, done)
        elif node.task == "close":
            self._closed(node, done)
        else:
            self._solved(node, done)

    def _closed(self, node: Node, done: Done) -> None:
        key, evidence = (node.level, node.context), self._evidence(node)
        self._learn(node, evidence, done)
        evidence.leaves |= {leaf.depths: (leaf.bound, "exact") for leaf in done.solved}
        exact = self.levels[node.level].exact
        if evidence.bound <= self.threshold + 2 * EPS and (exact or not done.hard):
            self.closed = max(self.closed, evidence.bound)
            for leaf in done.hard:
                evidence.leaves[leaf.depths] = (leaf.bound, "open")
                self._push(Node(leaf.bound, *key, "leaf", leaf.ys[0], leaf=leaf, backing=key))
            return
        hardest = max((leaf.bound for leaf in done.hard), default=-np.inf)  # more time would not lower it
        evidence.bound = min(node.bound, max(evidence.bound, hardest))
        if not exact and node.level + 1 < len(self.levels):
            self._split(node, done)
        elif (exact or evidence.bound > hardest) and node.tries < RETRIES:
            again = Node(evidence.bound, *key, "close", done.ys[-1], done.depths, backing=key, tries=node.tries + 1)
            self._push(again)
        else:
            self.closed = max(self.closed, evidence.bound)

    def _learn(self, node: Node, evidence: Evidence, done: Done) -> None:
        """Never worse than before: multipliers of a region bound every part of it at least as well."""
        before = self.evidence.get(node.backing) if node.backing else None
        kept = before.ys if before and done.bound > node.bound else []
        evidence.ys = done.ys + [y for y in kept if not any(y is own for own in done.ys)]
        evidence.bound = min(done.bound, node.bound)

    def _bounded(self, node: Node, done: Done) -> None:
        """After a quick bound: done with, split, or on the finest axes looked at depth by depth."""
        evidence, key = self._evidence(node), (node.level, node.context)
        self._learn(node, evidence, done)
        if evidence.bound <= self.threshold + 2 * EPS:
            self.closed = max(self.closed, evidence.bound)
        elif node.level + 1 < len(self.levels):
            self._split(node, done, "bound")
        else:
            self._push(Node(evidence.bound, *key, "close", done.ys[-1], done.depths, backing=key))

    def _split(self, node: Node, done: Done, task: str = "close") -> None:
        """On interval axes a context that will not close is replaced by finer ones."""
        evidence, key = self._evidence(node), (node.level, node.context)
        evidence.split = True
        depths = done.depths or max(done.hard, key=lambda leaf: leaf.bound).depths
        for child in children(self.levels[node.level], self.levels[node.level + 1], node.context):
            self._push(Node(evidence.bound, node.level + 1, child, task, done.ys[-1], depths, backing=key))

    def _solved(self, node: Node, done: Done) -> None:
        leaves = self._evidence(node).leaves
        for leaf in done.solved:
            leaves[leaf.depths] = (leaf.bound, "exact")
            self.closed = max(self.closed, leaf.bound)
        for leaf in done.hard:  # too many structures to enumerate: its Lagrangian bound stays
            self.closed = max(self.closed, leaf.bound)

    def regions(self) -> list[tuple[tuple[int, Context], Evidence]]:
        """Evidence that covers the domain and gives :attr:`bound`; split regions where a part still leans on them."""
        waiting = [*self._flight.values(), *(entry[2] for entry in self._heap)]
        leaned_on = self._backed | {node.backing for node in waiting}
        return [(key, e) for key, e in self.evidence.items() if not e.split or key in leaned_on]

    def _evidence(self, node: Node) -> Evidence:
        return self.evidence.setdefault((node.level, node.context), Evidence())

    # ---- multipliers to start from -------------------------------------------------------------------------------

    def first_multipliers(self) -> Array:
        """Optimal multipliers at the incumbent's own depths and context; a flat guess without an incumbent."""
        tables = self.levels[0]
        n_res, n_t = len(tables.resources), tables.scored[-1] + 1
        scale = abs(self.threshold) if self.best else 1e4
        y = np.concatenate([np.full(n_res, 0.25 * scale), np.zeros(n_t - 1), [0.5 * scale]])
        if self.best is None:
            return y
        r = Relaxation(tables, locate(tables, self.best.structure, self.stages))
        dual = bundle_of(r.at(depths_of(self.best.structure)), y)
        dual.polish(self.best.objective, 1e-4 * scale, rounds=8)
        return dual.y


def depths_of(structure: Structure) -> tuple[int, ...]:
    """``(L_1, ..., L_S)``."""
    return tuple(stage.depth for stage in structure.stages)


def contexts(tables: Tables, stages: list[int]) -> Iterator[Context]:
    """Every combination of fixed widths; together they cover the domain."""
    for nodes in itertools.product(*(range(len(tables.axes[s])) for s in stages)):
        yield tuple(zip(stages, nodes, strict=True))


def children(parent: Tables, child: Tables, context: Context) -> Iterator[Context]:
    """The contexts of the finer level inside ``context`` (axes are nested)."""
    options = []
    for s, node in context:
        lo, hi = parent.axes[s].lo[node], parent.axes[s].hi[node]
        inside = np.flatnonzero((child.axes[s].lo >= lo) & (child.axes[s].hi <= hi))
        options.append([(s, int(i)) for i in inside])
    yield from itertools.product(*options)
