"""Errors of the engine and its faces; all are ``NasError`` (see ``search_spaces.errors``)."""

from __future__ import annotations

from search_spaces.counting import BudgetInfeasible
from search_spaces.errors import NasError, SpaceError, UnknownName


class BudgetError(NasError):
    """A budget that cannot be read. ``data``: ``text``."""


class ObjectiveError(NasError):
    """An objective that does not exist or cannot be combined. ``data``: ``name``."""


class RunError(NasError):
    """A run directory that is missing, corrupt or not to be overwritten. ``data``: ``path``."""


class ResumeMismatch(RunError):
    """A run that cannot be continued as it was begun (another version of a space, say)."""


class RunFailed(NasError):
    """A run that began and could not be finished; what it has is kept and can be resumed. ``data``: ``path``."""


__all__ = [
    "BudgetError", "BudgetInfeasible", "NasError", "ObjectiveError", "ResumeMismatch", "RunError", "RunFailed",
    "SpaceError", "UnknownName",
]  # fmt: skip
