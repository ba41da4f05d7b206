"""How long a search has taken, whatever interrupted it."""

from __future__ import annotations

import time

from nas.runs.store import Store


class Clock:
    """Seconds since a search began, over all sessions of a resumed run; this session begins now."""

    def __init__(self, store: Store) -> None:
        history = store.history()
        self._before_s = float(history["elapsed_s"].max()) if len(history) else 0.0
        self._start = time.monotonic()

    def __call__(self) -> float:
        """Seconds so far."""
        return self._before_s + time.monotonic() - self._start
