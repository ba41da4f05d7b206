"""What a finished job came to, in a folder of this machine."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.client import RemoteJob

ID = re.compile(r"[0-9a-z]{1,64}")
"""Of an architecture, where it becomes part of a file's name: a service is not trusted with more."""


def collect(job: RemoteJob, folder: Path) -> Path:
    """Write ``job.json`` and, where it has a front, ``front.csv``, ``architectures/*.json`` and ``report.html``.

    Raises NasError where the folder cannot be written, ServiceError.
    """
    from nas.client import NotFound

    _write(folder / "job.json", json.dumps(job.job.to_dict(), indent=1) + "\n")
    with suppress(NotFound):
        job.report(folder / "report.html")
    if job.job.front_version is not None:
        _write(folder / "front.csv", job.front_csv())
        for index, name in enumerate(names(job.front_document())):
            job.download(index, "model.json", folder / name)
    return folder


def names(front: dict[str, Any]) -> list[str]:
    """A file for each row: its number and, where that is fit for one, its id."""
    at = list(front["columns"]).index("id")
    ids = [str(row[at]) for row in front["rows"]]
    return [f"architectures/{i:03}{f'-{each}' if ID.fullmatch(each) else ''}.json" for i, each in enumerate(ids)]


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NasError(f"{file} cannot be written: {error.strerror or error}") from None
