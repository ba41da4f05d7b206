"""A profiling session on this machine's CPU: a budget of time, spent on networks to fit and networks to check.

Every network that is timed is written to the journal at once, so a session goes on where it was killed. Networks of
the check are measured twice, half a session apart, and never serve the fit.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictors.latency.errors import MeasurementError
from predictors.latency.measuring.runtimes import Setting, input_size
from predictors.latency.measuring.session import measure
from predictors.latency.profiling.align import align
from predictors.latency.profiling.coverage import Coverage
from predictors.latency.profiling.instrument import time_rows
from predictors.latency.profiling.journal import CHECK, FIT, Entry, Journal
from predictors.latency.profiling.reference import SpeedReference
from predictors.latency.profiling.sources import TIMM, Candidate, draw, random_architecture, source_names
from search_spaces import trace

CHECK_SHARE = 0.3
"""Share of the time that goes into checks. In the first half networks are checked that are new, then each once more."""
MOST_CHECKED = 80
TIMM_SHARE = 0.4
"""Share of networks drawn from timm, of the fit and of the check; the spaces share the rest evenly."""
UNPROFILABLE = (RuntimeError, ValueError, TypeError, AttributeError, AssertionError, KeyError, MeasurementError)
"""What building or running somebody's network may raise; a journal that cannot be written is an OSError."""
CHOICES = 3
"""Architectures of a space among which the most informative one is timed."""
SECONDS_PER_NETWORK = 0.7
SECONDS_PER_CHECK = 1.2


@dataclass(frozen=True)
class Progress:
    """How far a session is: seconds of measuring, networks timed for the fit and for the check, the last one's name."""

    elapsed_s: float
    budget_s: float
    fitted: int
    checked: int
    name: str


Listener = Callable[[Progress], None]


class Session:
    """Measures until ``budget_s`` seconds of measuring are in the journal (those of earlier sessions count)."""

    def __init__(self, journal: Journal, budget_s: float, *, threads: int = 1, seed: int = 0) -> None:
        self.journal, self.budget_s, self.threads = journal, budget_s, threads
        self.setting = Setting(threads=threads)
        self._to_check = _mixed(np.random.default_rng([seed, 1]), for_check=True)
        self._rng = np.random.default_rng([seed, 2, len(journal.entries)])
        self._to_fit = _mixed(self._rng, for_check=False)
        self._candidates: dict[str, Candidate] = {}
        self._known = {e.name for e in journal.entries if e.split == FIT}
        self._coverage = Coverage()
        for e in journal.entries:
            if e.split == FIT:
                self._coverage.add(e.table)
        self._since = 0.0

    def run(self, listener: Listener = lambda _: None) -> None:
        """Fill the journal. Raises MeasurementError where it cannot be written."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            self._since = time.perf_counter()
            reference = SpeedReference(self.threads)
            reference.time_ms()
            while (elapsed := self.journal.elapsed_s) < self.budget_s:
                name = self._check(reference) if self._check_is_due(elapsed) else self._fit(reference)
                counts = [sum(e.split == split for e in self.journal.entries) for split in (FIT, CHECK)]
                listener(Progress(self.journal.elapsed_s, self.budget_s, counts[0], counts[1], name))
        finally:
            torch.set_num_threads(before)

    def _check_is_due(self, elapsed_s: float) -> bool:
        spent = sum(e.elapsed_s for e in self.journal.entries if e.split == CHECK)
        counts = self._check_counts()
        wanted = len(counts) < MOST_CHECKED if self._first_half(elapsed_s) else 1 in counts.values()
        return wanted and spent < CHECK_SHARE * elapsed_s

    def _first_half(self, elapsed_s: float) -> bool:
        return elapsed_s < self.budget_s / 2

    def _check_counts(self) -> Counter[str]:
        return Counter(e.name for e in self.journal.entries if e.split == CHECK)

    def _lap(self) -> float:
        """Seconds since the last entry."""
        now = time.perf_counter()
        self._since, since = now, self._since
        return now - since

    # ---- one network -------------------------------------------------------------------------------------------

    def _fit(self, reference: SpeedReference) -> str:
        candidate = self._most_informative(next(c for c in self._to_fit if c.name not in self._known))
        self._known.add(candidate.name)
        try:
            entry = self._timed(candidate, reference)
            self.journal.add(entry)
            self._coverage.add(entry.table)
        except UNPROFILABLE:
            return f"{candidate.name} (left out: it cannot be profiled)"
        finally:
            gc.collect()
        return candidate.name

    def _most_informative(self, first: Candidate) -> Candidate:
        """``first`` or another architecture of its space, whichever has most that was hardly measured yet."""
        if first.space is None:
            return first
        drawn = [first]
        for _ in range(CHOICES - 1):
            drawn.append(random_architecture(first.source, first.space, self._rng, for_check=False))
        tables = [(c, c.table()) for c in drawn if c.name not in self._known]
        found, _ = max(tables, key=lambda pair: self._coverage.novelty(pair[1]) if pair[1] is not None else 0.0)
        return found

    def _timed(self, candidate: Candidate, reference: SpeedReference) -> Entry:
        import torch

        model = candidate.build()
        x_BCHW = torch.randn(1, *input_size(model), generator=torch.Generator().manual_seed(0))
        first = reference.time_ms()
        timed = time_rows(model, x_BCHW, threads=self.threads, time_cap_s=SECONDS_PER_NETWORK)
        references = (first, reference.time_ms())
        table, row_ms = timed.table, timed.row_ms
        own = candidate.table()
        aligned = align(table, row_ms, own) if own is not None else None
        if own is not None and aligned is not None:
            table, row_ms = own, aligned
        elapsed = self._lap()
        return Entry(FIT, candidate.source, candidate.name, table, timed.latency_ms, references, elapsed, row_ms)

    def _check(self, reference: SpeedReference) -> str:
        counts = self._check_counts()
        once = [name for name, count in counts.items() if count == 1]
        again = None if self._first_half(self.journal.elapsed_s) else once[0]
        candidate = self._candidate(again) if again else self._unchecked(counts)
        try:
            self.journal.add(self._checked(candidate, reference))
        except UNPROFILABLE:
            return f"{candidate.name} (left out: it cannot be measured)"
        finally:
            gc.collect()
        return f"{candidate.name} (check)"

    def _unchecked(self, counts: Counter[str]) -> Candidate:
        """The next network of the check that has not been measured."""
        while (candidate := next(self._to_check)).name in counts:
            self._candidates[candidate.name] = candidate
        self._candidates[candidate.name] = candidate
        return candidate

    def _candidate(self, name: str) -> Candidate:
        """The network of that name; after a resumption it is drawn again, in the same order."""
        while name not in self._candidates:
            candidate = next(self._to_check)
            self._candidates[candidate.name] = candidate
        return self._candidates[name]

    def _checked(self, candidate: Candidate, reference: SpeedReference) -> Entry:
        model = candidate.build()
        earlier = next((e.table for e in self.journal.entries if e.name == candidate.name), None)
        table = earlier or candidate.table() or trace(model)
        first = reference.time_ms()
        found = measure(model, name=candidate.name, setting=self.setting, time_cap_s=SECONDS_PER_CHECK)
        references = (first, reference.time_ms())
        facts: dict[str, Any] = {"half_width": found.half_width, "repeats": len(found.samples_ms)}
        elapsed = self._lap()
        return Entry(CHECK, candidate.source, candidate.name, table, found.latency_ms, references, elapsed, None, facts)


def _mixed(rng: np.random.Generator, *, for_check: bool) -> Iterator[Candidate]:
    """Networks of all sources in turn, each source as often as its share; a source that runs dry is left out."""
    streams = {name: draw(name, rng, for_check=for_check) for name in source_names()}
    owed = dict.fromkeys(streams, 0.0)
    while streams:
        for name in streams:
            owed[name] += _share(name, len(streams))
        name = max(streams, key=lambda s: owed[s])
        owed[name] -= 1.0
        found = next(streams[name], None)
        if found is None:
            del streams[name]
        else:
            yield found


def _share(name: str, sources: int) -> float:
    return TIMM_SHARE if name == TIMM else (1 - TIMM_SHARE) / max(sources - 1, 1)
