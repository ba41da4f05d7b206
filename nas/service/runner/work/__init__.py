"""What each kind of job does: one module per kind, each with ``run(request, task) -> Result``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nas.service.jobs import Result
from nas.service.requests import Request
from nas.service.runner.task import Task


def execute(request: Request, task: Task) -> Result:
    """Carry out a job, or go on where an attempt before was stopped. Raises NasError."""
    module: Any = import_module(f"nas.service.runner.work.{request.kind}")
    return module.run(request, task)  # type: ignore[no-any-return]
