"""The driver of a search: merges generations as islands finish them, promotes survivors, records everything.

It alone writes the run's database. What it decides depends on finished generations only, never on when they came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nas.engine.evolve import NEIGHBOUR_DEADLINE_S, advance, restored
from nas.engine.exchange import Exchange
from nas.engine.island import Commit
from nas.engine.launchers import Job, Launcher
from nas.engine.merge import Archive
from nas.engine.spec import SearchSpec
from nas.errors import RunFailed
from nas.runs.calibrated import Calibrated
from nas.runs.clock import Clock
from nas.runs.run import Run
from nas.runs.store import Progress, Store, genomes_of
from search_spaces.space import Genomes

EXPLORING_SHARE = 0.5
"""Of a time limit, the share after which exploring stops and judging the survivors begins."""
POLL_S = 0.02
PREDICTED_AT_MOST = 512
"""Members of the archive whose accuracy a calibrated run predicts at a promotion."""


@dataclass(frozen=True)
class Update:
    """What a watcher is told: the state, how much there is in all, and the phase (exploring, judging, done).

    ``archive``: what is non-dominated so far, to be read before the watcher returns; None where there is none.
    """

    phase: str
    progress: Progress
    candidates: int
    to_score: int
    eta_s: float | None
    archive: Archive | None = None


OnUpdate = Callable[[Update], None]


class Driver:
    """Runs one search to its end, or continues one that was interrupted."""

    def __init__(
        self, run: Run, launcher: Launcher, *, on_update: OnUpdate | None = None, time_s: float | None = None
    ) -> None:
        self._spec: SearchSpec = run.spec
        self._run = run
        self._space = run.space
        self._store: Store = run.store
        self._launcher = launcher
        self._exchange = Exchange(run.path / "islands")
        self._archive = Archive(self._spec, self._space)
        calibrated = Calibrated.of(run)
        self._calibrated = calibrated if calibrated is not None and calibrated.ranks else None
        self._on_update = on_update or (lambda update: None)
        self._time_s = time_s
        self._waiting: set[str] = set()
        self._scored = 0
        self._to_score = 0

    def execute(self) -> None:
        """Explore, promote, judge; on return everything is in the database. Raises RunFailed."""
        self._elapsed_s = Clock(self._store)
        try:
            self._launcher.start()
            self._restore()
            if self._store.last_generation() < 0:
                self._prime()
            for generation in range(self._store.last_generation() + 1, self._spec.generations + 1):
                if not self._explore(generation):
                    break
            self._judge_all()
        finally:
            self._launcher.stop()
            self._exchange.resume()

    # ---- exploring -------------------------------------------------------------------------------------------

    def _prime(self) -> None:
        """Price the first generation here: Ray takes seconds to start, and a user wants to see something now."""
        for number in range(self._spec.islands):
            if self._exchange.latest(number) < 0:
                advance(restored(self._spec, number, self._exchange), self._exchange)

    def _explore(self, generation: int) -> bool:
        """Merge one generation; False where time ran out before it was there."""
        commits = self._commits(generation)
        if commits is None:
            self._exchange.stop()
            if not self._promoted_after(self._store.last_generation()):
                self._promote(self._store.last_generation(), self._spec.promote)
            return False
        for commit in commits:
            self._archive.add(commit.genomes, commit.prices)
        self._record(generation, commits)
        self._exchange.forget_before(generation)
        self._collect()
        self._tell("exploring")
        return True

    def _commits(self, generation: int) -> list[Commit] | None:
        found: list[Commit] = []
        start = time.monotonic()
        while len(found) < self._spec.islands:
            # The first generation is always merged: whatever the limit, there is something to show.
            if generation and self._time_s is not None and self._elapsed_s() > EXPLORING_SHARE * self._time_s:
                return None
            commit = self._launcher.commit(len(found), generation)
            if commit is not None:
                found.append(commit)
                continue
            if time.monotonic() - start > 2 * NEIGHBOUR_DEADLINE_S:
                raise RunFailed(f"generation {generation} did not come", path=str(self._run.path))
            self._collect()
            time.sleep(POLL_S)
        return found

    def _record(self, generation: int, commits: list[Commit]) -> None:
        """One transaction per generation: candidates, state, and who is promoted at this point."""
        promoted = self._choose(generation)
        self._progress = Progress(
            generation, self._elapsed_s(), self._archive.priced, self._scored, len(self._archive.genomes),
            self._archive.hypervolume(),
        )  # fmt: skip
        with self._store.transaction() as connection:
            for island, commit in enumerate(commits):
                self._store.add_candidates(connection, generation, island, commit.genomes, commit.prices)
            self._store.add_progress(connection, self._progress)
            self._store.add_promoted(connection, generation, promoted)
        self._submit(promoted)

    # ---- the cascade -----------------------------------------------------------------------------------------

    def _choose(self, generation: int) -> dict[str, Genomes]:
        """Architectures of the merged archive promoted at a generation, by id."""
        keep = dict(self._spec.promotions).get(generation, 0)
        return self._fresh(self._survivors(keep)) if keep else {}

    def _survivors(self, keep: int) -> Genomes:
        """An even spread over the archive; of a calibrated run, half of it those predicted to be most accurate."""
        if self._calibrated is None:
            return self._archive.spread(keep)
        best = self._calibrated.best(self._archive.spread(PREDICTED_AT_MOST), keep // 2)
        return np.concatenate([best, self._archive.spread(keep - len(best))])

    def _fresh(self, genomes: Genomes) -> dict[str, Genomes]:
        known = set(self._store.promoted()["architecture"])
        by_id = {self._space.decode(g).id: g for g in genomes}
        return {a: g for a, g in by_id.items() if a not in known}

    def _promote(self, generation: int, keep: int) -> None:
        promoted = self._fresh(self._survivors(keep))
        with self._store.transaction() as connection:
            self._store.add_promoted(connection, generation, promoted)
        self._submit(promoted)

    def _promoted_after(self, generation: int) -> bool:
        return bool((self._store.promoted()["generation"] >= generation).any())

    def _submit(self, promoted: Mapping[str, Genomes]) -> None:
        """Hand architectures, by id, to the judges."""
        if not self._spec.judges or not promoted:
            return
        self._waiting |= set(promoted)
        self._to_score += len(promoted)
        texts = {a: self._space.decode(g).to_json() for a, g in promoted.items()}
        self._launcher.submit([Job(a, text, self._spec.judges, self._spec.seed) for a, text in texts.items()])

    def _collect(self) -> None:
        for scored in self._launcher.scored():
            if scored.architecture_id in self._waiting:
                self._store.add_scores(scored.architecture_id, scored.outcomes)
                self._waiting.discard(scored.architecture_id)
                self._scored += 1

    def _judge_all(self) -> None:
        while self._waiting:
            if self._time_s is not None and self._elapsed_s() > self._time_s:
                break
            before = self._scored
            self._collect()
            if self._scored > before:
                self._tell("judging")
            else:
                time.sleep(POLL_S)
        self._store.update_progress(self._progress.generation, self._elapsed_s(), self._scored)
        self._tell("done")

    # ---- state -----------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Take up what the database holds: the archive, and architectures promoted but not yet judged."""
        candidates = self._store.candidates()
        genes = len(self._space.choices)
        for _, part in candidates.groupby(["generation", "island"], sort=True):
            prices = {q: part[q].to_numpy() for q in self._space.quantities}
            self._archive.add(genomes_of(part, genes), prices)
        self._progress = Progress(-1, self._elapsed_s(), self._archive.priced, 0, len(self._archive.genomes), 0.0)
        scored = set(self._store.scores()["architecture"])
        frame = self._store.promoted()
        promoted = dict(zip(frame["architecture"], genomes_of(frame, genes), strict=True))
        self._scored = self._to_score = len(scored)
        self._submit({a: g for a, g in promoted.items() if a not in scored})

    def _tell(self, phase: str) -> None:
        progress = self._progress
        state = Progress(
            progress.generation, self._elapsed_s(), self._archive.priced, self._scored, len(self._archive.genomes),
            progress.hypervolume,
        )  # fmt: skip
        self._on_update(Update(phase, state, self._planned(), self._to_score, self._eta(phase), self._archive))

    def _planned(self) -> int:
        return max((self._spec.generations + 1) * self._spec.population * self._spec.islands, self._archive.priced)

    def _eta(self, phase: str) -> float | None:
        """Seconds left, from the pace so far; None while nothing can be said."""
        if phase == "done":
            return 0.0
        done = self._archive.priced / self._planned() if phase == "exploring" else self._scored / max(self._to_score, 1)
        if done <= 0:
            return None
        return self._elapsed_s() * (1 - done) / done if phase == "exploring" else self._judging_eta()

    def _judging_eta(self) -> float | None:
        seconds = self._store.scores().groupby("architecture")["seconds"].sum()
        return float(np.mean(seconds)) * len(self._waiting) if len(seconds) else None
