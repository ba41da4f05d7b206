"""Errors of latency prediction; each is one line fit for a terminal."""

from __future__ import annotations

from search_spaces.errors import NasError


class ProfileError(NasError):
    """A device profile that is not valid. ``data``: ``field``."""


class MeasurementError(NasError):
    """A table of measurements that cannot be read or used. ``data``: ``path``, ``line`` where there are any."""
