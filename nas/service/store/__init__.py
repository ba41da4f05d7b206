"""Where jobs live: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from nas.service.store.errors import IdempotencyConflict, JobActive, JobNotFound, QuotaExceeded, StoreError
from nas.service.store.store import JobStore

__all__ = ["IdempotencyConflict", "JobActive", "JobNotFound", "JobStore", "QuotaExceeded", "StoreError"]
