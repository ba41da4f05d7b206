"""What a search by trained accuracy knows: its run's database, and nothing beside it."""

from __future__ import annotations

import numpy as np

from nas.engine.pareto import non_dominated
from nas.objectives import INHERITED
from nas.runs.clock import Clock
from nas.runs.run import Run
from nas.runs.store import Progress, genomes_of
from nas.supernet.figures import Known, prices, volume
from nas.supernet.rounds import Round
from search_spaces import Architecture
from search_spaces.space import Genomes


class Ledger:
    """Reads and writes rounds and accuracies; a run killed at any moment holds whole rounds and whole evaluations."""

    def __init__(self, run: Run) -> None:
        self.spec = run.spec
        self._space, self._store, self._elapsed_s = run.space, run.store, Clock(run.store)

    @property
    def last_round(self) -> int:
        """Number of the last round, -1 before the first."""
        return self._store.last_generation()

    def known(self) -> Known:
        """What was evaluated so far."""
        scores = self._store.scores().set_index("architecture")["value"]
        found = [(g, scores[a]) for a, g in self._promoted().items() if a in scores.index]
        genomes = np.array([g for g, _ in found], dtype=np.uint8).reshape(-1, len(self._space.choices))
        return Known(genomes, np.array([v for _, v in found], dtype=np.float64))

    def waiting(self) -> list[Architecture]:
        """Whoever was chosen and has no accuracy yet."""
        scored = set(self._store.scores()["architecture"])
        return [self._space.decode(g) for a, g in self._promoted().items() if a not in scored]

    def begin(self, number: int, planned: Round) -> None:
        """One transaction: what is priced in this round, and who goes on."""
        progress = self.progress(number, len(planned.candidates))
        with self._store.transaction() as connection:
            self._store.add_candidates(connection, number, 0, planned.candidates, prices(self.spec, planned.candidates))
            self._store.add_progress(connection, progress)
            self._store.add_promoted(connection, number, {self._space.decode(g).id: g for g in planned.chosen})

    def add(self, architecture: Architecture, accuracy: float, seconds: float) -> None:
        """One evaluation."""
        self._store.add_scores(architecture.id, {INHERITED: (round(accuracy, 6), "ok", seconds, "")})

    def end(self) -> None:
        """The last round is evaluated: its progress is that after it."""
        p = self.progress(self.last_round)
        self._store.update_progress(
            p.generation, p.elapsed_s, p.scored, front_size=p.front_size, hypervolume=p.hypervolume
        )

    def progress(self, number: int, more: int = 0) -> Progress:
        """The state in round ``number``, with ``more`` candidates than the database has."""
        costs, history = self.known().costs(self.spec), self._store.history()
        priced = int(history["priced"].max()) if len(history) else 0
        return Progress(
            number, self._elapsed_s(), priced + more, len(costs), int(non_dominated(costs).sum()),
            volume(self.spec, costs),
        )  # fmt: skip

    def _promoted(self) -> dict[str, Genomes]:
        frame = self._store.promoted()
        return dict(zip(frame["architecture"], genomes_of(frame, len(self._space.choices)), strict=True))
