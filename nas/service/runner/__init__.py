"""Runners: processes that take jobs from the store, carry them out, and give them back where they cannot."""

from nas.service.runner.runner import Runner
from nas.service.runner.settings import RunnerSettings

__all__ = ["Runner", "RunnerSettings"]
