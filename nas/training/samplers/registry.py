"""Samplers by name."""

from __future__ import annotations

from importlib import import_module

from nas.training.samplers.plan import Sampler
from search_spaces import SearchSpace
from search_spaces.errors import unknown_name

SAMPLERS = {
    "uniform": "nas.training.samplers.uniform:Uniform",
    "sandwich": "nas.training.samplers.sandwich:Sandwich",
    "elasticvit": "nas.training.samplers.elasticvit:ConflictAware",
    "multi-arch": "nas.training.samplers.multi_arch:MultiArchitectural",
    "sorted": "nas.training.samplers.nested:Sorted",
    "ros": "nas.training.samplers.ros:ResourceConstrained",
    "soft": "nas.training.samplers.nested:AllExits",
}


def make_sampler(name: str, space: SearchSpace) -> Sampler:
    """The sampler ``name`` for a space. Raises UnknownName."""
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    module, _, attribute = SAMPLERS[name].partition(":")
    return getattr(import_module(module), attribute)(space)  # type: ignore[no-any-return]
