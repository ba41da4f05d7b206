"""Where islands and proxies run: the protocol, and the launcher that uses this process only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nas.engine.evolve import advance, restored
from nas.engine.exchange import Exchange
from nas.engine.island import Commit, Island
from nas.engine.spec import SearchSpec


@dataclass(frozen=True)
class Scored:
    """Proxy outcomes of one architecture: ``outcomes[proxy]`` is ``(value or None, status, seconds, message)``."""

    architecture_id: str
    outcomes: dict[str, tuple[float | None, str, float, str]]


@dataclass(frozen=True)
class Job:
    """One architecture to judge; plain data, so that it travels to any worker."""

    architecture_id: str
    architecture_json: str
    proxies: tuple[str, ...]
    seed: int


def judge(space: str, job: Job) -> Scored:
    """Compute the proxies of one architecture. Never raises: what goes wrong is a recorded outcome."""
    from predictors.training_free import score_architecture

    outcomes = score_architecture(space, None, job.architecture_json, job.proxies, seed=job.seed)
    return Scored(job.architecture_id, {k: (o.value, o.status, o.seconds, o.message) for k, o in outcomes.items()})


class Launcher(Protocol):
    """Runs islands and judges. Every method returns at once but :meth:`commit`, which may do a little work."""

    def start(self) -> None:
        """Begin (or continue) all islands."""

    def commit(self, island: int, generation: int) -> Commit | None:
        """The commit of an island, None while it is not there. Raises RunFailed where it never will be."""

    def submit(self, jobs: list[Job]) -> None:
        """Queue architectures for the proxies."""

    def scored(self) -> list[Scored]:
        """Judgements finished since the last call."""

    def stop(self) -> None:
        """End islands and judges, and free what they held."""


class LocalLauncher:
    """Everything in this process, one step at a time: for tests, tiny spaces and machines without Ray."""

    def __init__(self, spec: SearchSpec, run_folder: Path) -> None:
        self._spec = spec
        self._exchange = Exchange(run_folder / "islands")
        self._islands: list[Island] = []
        self._jobs: deque[Job] = deque()

    def start(self) -> None:
        """See :class:`Launcher`."""
        self._exchange.resume()

    def commit(self, island: int, generation: int) -> Commit | None:
        """See :class:`Launcher`; steps the islands in turn until the commit exists."""
        if not self._islands:
            self._islands = [restored(self._spec, i, self._exchange) for i in range(self._spec.islands)]
        for other in self._islands:
            if other.generation < generation:
                advance(other, self._exchange)
        return self._exchange.read(island, generation)

    def submit(self, jobs: list[Job]) -> None:
        """See :class:`Launcher`."""
        self._jobs.extend(jobs)

    def scored(self) -> list[Scored]:
        """See :class:`Launcher`; judges one architecture per call."""
        if not self._jobs:
            return []
        return [judge(self._spec.space, self._jobs.popleft())]

    def stop(self) -> None:
        """See :class:`Launcher`."""
