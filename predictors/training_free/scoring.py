"""``score``: training-free proxies of a network; ``score_architecture``: of a network that exists as data only.

Both return an :class:`Outcome` per proxy and raise only for a caller's mistake (an unknown proxy, a malformed batch):
whatever goes wrong inside one candidate is recorded as its outcome. A value does not depend on which other proxies are
asked for, on the number of threads, nor on any global state, and leaves none changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import nn

from predictors.training_free.defaults import DEFAULT_PROXIES
from predictors.training_free.guard import Limits, TimedOut, memory_limit, status_of, time_limit
from predictors.training_free.isolation import one_thread, seeded
from predictors.training_free.outcome import Outcome
from predictors.training_free.probe import Batch, Probe
from predictors.training_free.registry import Proxy, get_proxy
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.operators import OperatorTable

LIMITS = Limits()
InputSize = tuple[int, int, int]
T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
"""Global generators, torch's threads and the memory limit belong to the process, so its threads take turns."""


def score(
    model: nn.Module, batch: Batch | None = None, names: Sequence[str] = DEFAULT_PROXIES, *, seed: int = 0,
    key: str = "", input_size: InputSize | None = None, limits: Limits = LIMITS,
) -> dict[str, Outcome]:  # fmt: skip
    """Score ``model`` as it is (its weights are not touched) by each proxy in ``names``.

    Without ``batch`` the proxies see 8 random N(0, 1) images of ``input_size`` (C, H, W; default: what the model
    says of itself) and random labels, drawn from generators seeded by ``seed`` and ``key`` (the architecture's id).
    """
    return _score(Probe(model, batch, seed=seed, key=key, wanted=_passes(names), input_size=input_size), names, limits)


def score_architecture(
    space: str | SearchSpace, options: Mapping[str, Any] | None, architecture: Architecture | str,
    names: Sequence[str] = DEFAULT_PROXIES, *, seed: int = 0, batch: Batch | None = None, limits: Limits = LIMITS,
) -> dict[str, Outcome]:  # fmt: skip
    """Build ``architecture`` (or its JSON text) with weights drawn under (``seed``, its id), and score it.

    Arguments pickle, so the call can run in a worker: the space may be given by name and is then made with
    ``options`` (None: those of the architecture). Raises SpaceError or UnknownName for an unknown space or proxy, or an
    architecture of another space.
    """
    found = Architecture.from_json(architecture) if isinstance(architecture, str) else architecture
    wanted = found.options if options is None else options
    family = get_space(space, **wanted) if isinstance(space, str) else space
    family.check_options(found)

    def build() -> nn.Module:
        with seeded(seed, found.id, "weights"):
            return family.model(found)

    def table() -> OperatorTable:
        return family.operators(found)

    return _score(Probe(build, batch, seed=seed, key=found.id, wanted=_passes(names), table=table), names, limits)


def _passes(names: Sequence[str]) -> frozenset[str]:
    return frozenset(use for name in names for use in get_proxy(name).uses)


def _score(probe: Probe, names: Sequence[str], limits: Limits) -> dict[str, Outcome]:
    """Proxies that read the operator table go first: they cost microseconds, and want no network."""
    proxies = [get_proxy(name) for name in dict.fromkeys(names)]
    tabular = [p for p in proxies if p.cost == "table"]
    others = [p for p in proxies if p.cost != "table"]
    with _ONE_AT_A_TIME, one_thread(), memory_limit(limits.memory_bytes):
        clock = _Clock(limits.seconds)
        found = {p.name: _outcome(p, probe, clock) for p in tabular}
        built = clock.run(lambda: probe.model) if others else None
        found |= {p.name: built if isinstance(built, Outcome) else _outcome(p, probe, clock) for p in others}
    return {p.name: found[p.name] for p in proxies}


def _outcome(proxy: Proxy, probe: Probe, clock: _Clock) -> Outcome:
    begin = time.perf_counter()
    value = clock.run(lambda: float(proxy(probe)))
    seconds = time.perf_counter() - begin
    if isinstance(value, Outcome):
        return Outcome(None, value.status, seconds, value.message)
    return Outcome.of(value, seconds)


class _Clock:
    """Runs the steps of one candidate, which share its time, and turns what they raise into outcomes."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.begin = seconds, time.monotonic()

    def run(self, step: Callable[[], T]) -> T | Outcome:
        left = None if self.seconds is None else self.seconds - (time.monotonic() - self.begin)
        try:
            with time_limit(left):
                return step()
        except TimedOut:
            return Outcome.failed("timeout", f"the candidate's {self.seconds:g} s are over")
        except (Exception, MemoryError) as error:
            return Outcome.failed(status_of(error), f"{type(error).__name__}: {error}")
