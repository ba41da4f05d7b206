"""What can go wrong with the store of jobs."""

from __future__ import annotations

from nas.errors import NasError


class StoreError(NasError):
    """A database that cannot be opened, read or written."""


class JobNotFound(NasError):
    """No such job, or nothing of what was asked of it yet. ``data``: ``id``."""


class JobActive(NasError):
    """A job that has to end before this can be done to it. ``data``: ``id``."""


class IdempotencyConflict(NasError):
    """An idempotency key that came before, with another request. ``data``: ``key``, ``id`` of that job."""


class QuotaExceeded(NasError):
    """More than the user may ask for. ``data``: ``limit`` (its name), ``allowed``, ``asked``."""
