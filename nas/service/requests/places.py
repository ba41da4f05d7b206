"""Where what a request names is to be found on this host: data below its roots, and the jobs it builds on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.service.security.roots import DataRoots

if TYPE_CHECKING:
    from nas.service.jobs import Job
    from nas.service.store import JobStore

BUILT_IN = ("digits",)
JOB = re.compile(r"[0-9a-f]{32}")
SHARDS = "webdataset:"


@dataclass(frozen=True)
class Places:
    """``roots``: where data may be named; ``runs``: the folder of the jobs' folders; ``store`` knows the jobs.

    What is None is not checked.
    """

    roots: DataRoots | None = None
    runs: Path | None = None
    store: JobStore | None = None

    def data(self, source: str) -> str:
        """What ``nas.training.data`` takes for a source that a request names. Raises NasError."""
        if self.roots is None or source in BUILT_IN:
            return source
        if source.startswith(SHARDS):
            return SHARDS + ",".join(str(self.roots.resolve(path)) for path in data_paths(source))
        return str(self.file(source))

    def file(self, name: str) -> Path:
        """A file or folder below a data root. Raises NasError."""
        if self.roots is None:
            return Path(name)
        found = self.roots.resolve(name)
        if not found.exists():
            raise NasError(f"there is no {name!r:.80} in the data roots of this host")
        return found

    def job(self, identity: str, *kinds: str) -> Job | None:
        """A finished job of one of ``kinds``; None where jobs are not known here. Raises NasError."""
        if self.store is None:
            return None
        job = self.store.job(identity)
        if job.kind not in kinds:
            raise NasError(f"job {identity} is a {job.kind}, and a {' or '.join(kinds)} is needed")
        if job.state != "done":
            raise NasError(f"job {identity} is {job.state}; wait until it is done")
        return job

    def folder(self, identity: str) -> Path:
        """The folder of a job. Raises NasError where it is not on this host."""
        found = (self.runs or Path()) / identity
        if self.runs is not None and not found.is_dir():
            raise NasError(f"the files of job {identity} are not on this host; runners have to share their data folder")
        return found


def data_paths(source: str | None) -> tuple[str, ...]:
    """What a source of data names below the roots."""
    if source is None or source in BUILT_IN:
        return ()
    return tuple(source.removeprefix(SHARDS).split(",")) if source.startswith(SHARDS) else (source,)
