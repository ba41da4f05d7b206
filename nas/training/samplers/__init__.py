"""Samplers: which subnets a training step trains, and against which target. That is all that methods differ in."""

from nas.training.samplers.plan import Item, Moment, Sampler
from nas.training.samplers.registry import SAMPLERS, make_sampler

__all__ = ["SAMPLERS", "Item", "Moment", "Sampler", "make_sampler"]
