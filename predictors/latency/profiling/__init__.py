"""Profiling the machine at hand: operators timed inside whole networks, fitted, checked on networks never measured."""

from predictors.latency.profiling.host import assemble, profile_cpu
from predictors.latency.profiling.session import Progress

__all__ = ["Progress", "assemble", "profile_cpu"]
