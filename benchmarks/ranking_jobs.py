"""What ``ranking.py`` runs in processes: a supernet trained and its subnets judged, or a network trained alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from correlations import Array

from nas.training.data import Data, load_data
from nas.training.data.dataset import Subset
from nas.training.judge import Judge
from nas.training.run import default_device
from nas.training.samplers import Moment, make_sampler
from nas.training.settings import Settings
from nas.training.trainer import Trainer
from search_spaces import Architecture, SearchSpace, get_space

CALIBRATION = 512
WARMUP = 0.1
"""Of the steps."""
POOL = 4096
TIMED_STEPS = 24


@dataclass(frozen=True)
class Job:
    """One training: of a supernet by ``sampler``, or of the ``network``-th of ``networks`` subnets alone."""

    space: str
    data: str
    images: int
    test: int
    networks: int
    batch: int
    sampler: str | None = None
    network: int | None = None
    seed: int = 0
    steps: int = 1000
    side: int | None = None
    """Pixels of an image, None for the space's own."""

    @property
    def name(self) -> str:
        """What is trained, and the seed."""
        what = self.sampler or (f"network{self.network}" if self.network is not None else "nothing")
        return f"{self.space}{self.side or ''}-{what}-seed{self.seed}"

    @cached_property
    def loaded(self) -> Data:
        """The data, with the first of its (shuffled) training and test images."""
        whole = load_data(self.data)
        train = Subset(whole.train, np.arange(min(self.images, whole.facts.train)))
        test = Subset(whole.test, np.arange(min(self.test, whole.facts.test)))
        facts = replace(whole.facts, train=len(train.labels), test=len(test.labels))
        return replace(whole, facts=facts, train=train, test=test)

    @cached_property
    def search_space(self) -> SearchSpace:
        """The space, for this data."""
        facts = self.loaded.facts
        size = {} if self.side is None else {"img_size": self.side}
        return get_space(self.space, num_classes=facts.num_classes, in_chans=facts.in_chans, **size)

    @property
    def settings(self) -> Settings:
        """Everything at its default but the length, and a warm-up that fits it."""
        epochs: Any = self.steps / (self.loaded.facts.train // self.batch)
        return Settings(epochs=epochs, batch=self.batch, seed=self.seed, warmup=WARMUP * epochs)


def result(job: Job) -> Array:
    """Test accuracies: of all networks with a supernet's weights, or of the one that was trained alone."""
    torch.manual_seed(job.seed)
    space, judge = job.search_space, Judge(job.loaded, CALIBRATION, default_device())
    networks = spread(space, job.networks)
    if job.sampler is not None:
        supernet = _trained(job, space.supernet(), make_sampler(job.sampler, space))
        return np.array([judge.subnet(supernet, a, "test")[1].accuracy for a in networks])
    assert job.network is not None
    alone = _trained(job, space.model(networks[job.network]), None)
    return np.array([judge.network(alone, "test", judge.calibrate(alone)).accuracy])


def _trained(job: Job, model: Any, sampler: Any) -> Any:
    trainer = Trainer(model, job.loaded, job.settings, sampler, device=default_device())
    trainer.run()
    trainer.average.adopt()
    return model


def spread(space: SearchSpace, count: int) -> list[Architecture]:
    """Random subnets, evenly spread over the MACs of the space, ascending."""
    genomes = space.sample(POOL, np.random.default_rng(0))
    macs = space.price(genomes, ("macs",))["macs"]
    low, high = space.bounds("macs")
    targets = np.linspace(low + 0.05 * (high - low), high - 0.15 * (high - low), count)
    chosen: list[int] = []
    for target in targets:
        order = np.argsort(np.abs(macs - target))
        chosen.append(int(next(i for i in order if i not in chosen)))
    return [space.decode(genomes[i]) for i in sorted(chosen, key=lambda i: macs[i])]


def step_macs(space: SearchSpace, sampler: str, steps: int = 64) -> float:
    """Mean multiply-accumulates per image of the batch in a step of a sampler."""
    made, total = make_sampler(sampler, space), 0.0
    for step in range(steps):
        items = made.plan(Moment(step * 1000 // steps, 1000, 10), np.random.default_rng(step))
        total += sum(space.price_architecture(i.architecture)["macs"] / i.share[1] for i in items if i.architecture)
        made.hear([1.0] * len(items))
    return total / steps


def measured_pace(job: Job) -> float:
    """Multiply-accumulates (of forward passes) of random subnets trained per second."""
    torch.manual_seed(0)
    space = job.search_space
    run = Trainer(space.supernet(), job.loaded, job.settings, make_sampler("uniform", space), device=default_device())
    run.run(until=4)
    start = time.monotonic()
    run.run(until=4 + TIMED_STEPS)
    return TIMED_STEPS * job.batch * step_macs(space, "uniform") / (time.monotonic() - start)
