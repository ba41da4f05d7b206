"""``nas.scale``: a series of vision transformers of growing size, designed without training (As-ViT)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.budget import Budget
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.designers.asvit.question import Question
    from nas.designers.asvit.run import OnProgress
    from nas.designers.asvit.series import Series

MOST_WORKERS = 8
"""A step of the growth has at most 16 candidates of a few seconds each."""


def scale(
    budget: str | Iterable[str] | Budget, *, protocol: str = "default", evaluations: int | None = None,
    minutes: float | None = None, data: str | None = None, seed: int = 0, workers: int | None = None,
    out: str | Path = "results", name: str | None = None, on_question: Callable[[Question], None] | None = None,
    on_start: Callable[[Path], None] | None = None, on_progress: OnProgress | None = None, command: str = "",
    **space_options: Any,
) -> Series:  # fmt: skip
    """Find a seed topology of the ``asvit`` space and grow it up to ``budget``; each step is a network.

    ``budget``: upper limits such as ``"5GFLOPs"`` or ``["5GFLOPs", "30Mparams"]``; the published end (80 M parameters)
    holds besides. ``protocol``: ``default`` (evolution, minutes) or ``paper`` (policy gradient and five repeats as
    published, hours). ``evaluations``: seeds to judge (default: 256, or 500 steps); ``minutes`` ends that search after
    two thirds of them and gives up reproducibility. ``data``: real images for the NTK, such as ``"digits"`` or a file
    (see ``nas.training.data``); else seeded noise. ``workers``: processes, default all CPUs up to 8; 0: this one
    alone. The same seed gives the same series whatever the workers. ``space_options``: such as ``num_classes=10``.
    ``on_question`` is told what was asked once it is known to be sound, ``on_start`` the run's directory.

    Writes the run ``out/name`` as it goes; :func:`resume_scale` continues it after whatever killed it. Raises NasError
    subclasses: BudgetError, BudgetInfeasible (with the nearest budget), UnknownName, SpaceError, RunError, RunFailed.
    """
    from nas.designers.asvit.question import Question
    from nas.designers.asvit.run import begin, proceed

    texts = Budget.parse(budget).texts
    count = checked_workers(workers)
    question = Question(texts, protocol, evaluations, minutes, seed, data, space_options)
    path = begin(question, Path(out), name, command, on_question)
    if on_start is not None:
        on_start(path)
    return proceed(path, count, on_progress)


def resume_scale(path: str | Path, *, workers: int | None = None, on_progress: OnProgress | None = None) -> Series:
    """Continue an interrupted scaling; its series is that of an undisturbed run. A finished one is read back."""
    from nas.designers.asvit.run import proceed

    return proceed(Path(path), checked_workers(workers), on_progress)


def checked_workers(workers: int | None) -> int:
    """How many processes. Raises NasError."""
    count = min(os.cpu_count() or 1, MOST_WORKERS) if workers is None else workers
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise NasError(f"workers must be a whole number of at least 0, got {workers!r:.40}")
    return count
