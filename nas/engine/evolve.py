"""Running one island to its end, wherever it runs: in this process or in a Ray Tune trial."""

from __future__ import annotations

import time
from collections.abc import Callable

from nas.engine.exchange import Exchange
from nas.engine.island import Commit, Island
from nas.engine.spec import SearchSpec
from nas.errors import RunFailed

NEIGHBOUR_DEADLINE_S = 600.0
"""How long an island waits for a neighbour's migrants before the run is given up (and can be resumed)."""
POLL_S = 0.01


def restored(spec: SearchSpec, number: int, exchange: Exchange) -> Island:
    """The island, standing after its last commit."""
    island = Island(spec, number, spec.search_space)
    latest = exchange.latest(number)
    commit = exchange.read(number, latest) if latest >= 0 else None
    if commit is not None:
        island.restore(latest, commit.survivors)
    return island


def advance(island: Island, exchange: Exchange, deadline_s: float = NEIGHBOUR_DEADLINE_S) -> Commit:
    """One generation, committed. Waits for the neighbour's migrants where they are due."""
    migrants = None
    if island.needs_migrants():
        neighbour = (island.number - 1) % island.spec.islands
        migrants = _wait(exchange, neighbour, island.generation, deadline_s).survivors
    commit = island.step(migrants)
    exchange.write(island.number, commit)
    return commit


def _wait(exchange: Exchange, island: int, generation: int, deadline_s: float) -> Commit:
    start = time.monotonic()
    while (commit := exchange.read(island, generation)) is None:
        if exchange.stopping:
            raise Stopped
        if time.monotonic() - start > deadline_s:
            raise RunFailed(f"island {island} did not finish generation {generation} within {deadline_s:.0f} s")
        time.sleep(POLL_S)
    return commit


class Stopped(Exception):
    """The run was told to stop while an island waited."""


def evolve(spec: SearchSpec, number: int, exchange: Exchange, report: Callable[[int, int], None]) -> None:
    """Run an island from its last commit to the last generation; ``report(generation, priced)`` after each."""
    island = restored(spec, number, exchange)
    while island.generation < spec.generations and not exchange.stopping:
        try:
            commit = advance(island, exchange)
        except Stopped:
            return
        report(commit.generation, len(commit.genomes))
