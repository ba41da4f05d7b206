"""What can go wrong in a design, each with the data a caller needs."""

from __future__ import annotations

from search_spaces.errors import NasError


class DesignError(NasError):
    """A DeepMAD question that cannot be asked: an unknown family, a broken structure, an impossible number."""


class InfeasibleDesign(DesignError):
    """No structure meets every constraint. ``data``: ``conflicts`` (names) and ``nearest`` (name -> feasible value)."""


class CertificateRefused(DesignError):
    """A certificate whose claim does not follow from its own evidence. ``data``: ``reason``."""
