"""What the service keeps of a job, as frozen values: the store fills them in, everything else reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled"})
Signal = Literal["go", "cancel", "lost"]
"""What a heartbeat is answered: go on; stop, somebody cancelled it; stop, another runner has it."""
SCOPES = ("read", "submit", "admin")


@dataclass(frozen=True)
class Job:
    """One job. Times are UTC in ISO 8601; ``id`` (32 hexadecimal digits) sorts by creation.

    ``version`` grows with every change of any job: a job changed after another has the larger one. ``progress`` has
    ``phase`` and where known ``done``, ``total``, ``eta_s``, ``message``. ``problem`` (of a failed job) has ``title``,
    ``detail`` and ``retry`` (whether the same request may succeed another time). ``summary`` is what a list shows of
    the outcome. ``front_version`` is the ``version`` of its latest front, None while it has none.
    """

    id: str
    kind: str
    request: Mapping[str, Any]
    user: str
    priority: int
    state: State
    attempt: int
    created: str
    updated: str
    version: int
    started: str | None = None
    finished: str | None = None
    cancelling: bool = False
    progress: Mapping[str, Any] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    front_version: int | None = None

    @property
    def finished_for_good(self) -> bool:
        """Whether its state will not change any more."""
        return self.state in FINAL

    def to_dict(self) -> dict[str, Any]:
        """As JSON says it, with every field by its name."""
        return dict(vars(self))


@dataclass(frozen=True)
class Page:
    """Jobs, newest first; ``next_cursor`` asks for the ones after them, None at the end."""

    jobs: Sequence[Job]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Claim:
    """A runner's hold of a job. ``fence`` grows with every claim of the job: writes with an older one are refused.

    ``left_s``: seconds of its user's time quota that remain, None without a quota.
    """

    job: Job
    runner: str
    fence: int
    left_s: float | None = None


@dataclass(frozen=True)
class Result:
    """What a job came to: ``summary`` for lists, ``front`` (columns, objectives, rows, recommended, final).

    ``architectures[i]`` describes row i of the front: id, index, space, config, price, stages, latency, code.
    """

    summary: Mapping[str, Any]
    front: Mapping[str, Any] | None = None
    architectures: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Limits:
    """What one user may ask for; None: as much as they like. ``seconds`` is computing time of one job.

    ``running`` and ``queued`` are jobs at a time.
    """

    candidates: int | None = None
    seconds: float | None = None
    running: int | None = None
    queued: int | None = None


@dataclass(frozen=True)
class Token:
    """A user's key, without its secret. ``name`` is the user; ``scopes`` are of ``SCOPES``."""

    name: str
    scopes: frozenset[str]
    created: str
    expires: str | None = None
    limits: Limits = field(default_factory=Limits)
