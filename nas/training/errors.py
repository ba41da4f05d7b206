"""What can go wrong in training."""

from __future__ import annotations

from nas.errors import NasError, RunFailed


class DataError(NasError):
    """Images or labels that cannot be trained on. ``data``: ``source``."""


class TrainingDiverged(RunFailed):
    """A loss that is no number.

    ``data``: ``step``, ``architecture`` (its id, or None for a single network); from a job also ``path``, its folder,
    and ``file``, where the architecture is.
    """


class CheckpointError(NasError):
    """A checkpoint that is missing, damaged or of another job. ``data``: ``path``."""


class CheckpointUnwritten(CheckpointError, RunFailed):
    """A full disk or the like; the training can be continued from the checkpoint before. ``data``: ``path``."""
