"""A training that diverged, on record: ``train.json`` says so, and the subnet's architecture lies beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.training.errors import TrainingDiverged
from nas.training.job import Job
from search_spaces import Architecture

FILE = "diverged.json"


@contextmanager
def recorded(folder: Path) -> Iterator[None]:
    """Write down whose loss is no number, and name the file in the error. Any worker may be the one to find it."""
    try:
        yield
    except TrainingDiverged as error:
        job = Job.open(folder)
        found: Architecture | None = error.data.pop("subnet", None) or job.architecture
        with suppress(OSError):  # a full disk, or another worker at the same file: the error itself must come through
            job.update(status="diverged")
        raise _with_file(error, found, folder) from None


def _with_file(error: TrainingDiverged, architecture: Architecture | None, folder: Path) -> TrainingDiverged:
    known = {**error.data, "path": str(folder)}
    if architecture is None:
        return TrainingDiverged(str(error), **known)
    file = folder / FILE
    try:
        file.write_text(architecture.to_json(), encoding="utf-8")
    except OSError:
        return TrainingDiverged(str(error), **known)
    return TrainingDiverged(f"{error}; what it is: nas price {file}", **known, file=str(file))
