"""The command line of a job, from the code that made its request."""

from __future__ import annotations

from pydantic import ValidationError

from nas.service.jobs import Job


def command_line(job: Job) -> str:
    """What would do the same in a terminal; "" for a request that this version cannot read any more."""
    from nas.errors import NasError
    from nas.service.requests import parse

    try:
        return parse(dict(job.request)).command_line()
    except (ValidationError, NasError):
        return ""
