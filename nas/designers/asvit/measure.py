"""LE and NTK of one freshly drawn network (Chen et al., ICLR 2022, section 3; reference: ``lib/procedures``)."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nas.designers.asvit.protocol import PUBLISHED_ANGLES, Protocol
from predictors.training_free.guard import TimedOut, memory_limit, status_of, time_limit
from predictors.training_free.isolation import generator, one_thread, seeded
from predictors.training_free.outcome import Outcome, Status
from predictors.training_free.passes.circle import draw_circle, velocity
from predictors.training_free.proxies.ntk import condition_number
from search_spaces import Architecture
from search_spaces.asvit import AsViT

SECONDS, MEMORY_BYTES = 900.0, 8 * 2**30
"""What one measurement may use; beyond it the candidate has failed."""


@dataclass(frozen=True)
class Task:
    """One network to draw: ``draw`` numbers the judgements of the same architecture, ``repeat`` those within one."""

    architecture: Architecture
    draw: int
    repeat: int

    @property
    def key(self) -> str:
        """Names the task in the log of a run."""
        return f"{self.architecture.id}/{self.draw}/{self.repeat}"


@dataclass(frozen=True)
class Measured:
    """Both proxies of one network, or why there are none (``status`` as in ``predictors.training_free.Outcome``)."""

    le: float | None
    ntk: float | None
    status: Status = "ok"
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Bench:
    """Everything that measurements of one run share. ``images``: (N, C, H, W) float32, or None for noise.

    Noise is N(0, 1), drawn once per run: every architecture sees the same batch, as in the released code, where it is
    the first batch of ImageNet's training list.
    """

    protocol: Protocol
    seed: int
    images: NDArray[np.float32] | None = None

    def measure(self, task: Task) -> Measured:
        """Never raises for a candidate's sake: what goes wrong is the outcome."""
        begin = time.perf_counter()
        try:
            with one_thread(), memory_limit(MEMORY_BYTES), time_limit(SECONDS):
                found = self._measured(task)
        except TimedOut:
            found = Measured(None, None, "timeout", f"the candidate's {SECONDS:g} s are over")
        except (Exception, MemoryError) as error:
            found = Measured(None, None, status_of(error), f"{type(error).__name__}: {error}"[:200])
        return Measured(found.le, found.ntk, found.status, found.message, time.perf_counter() - begin)

    def _measured(self, task: Task) -> Measured:
        architecture = task.architecture
        space = AsViT(**architecture.options)
        with seeded(self.seed, architecture.id, task.draw, task.repeat, "weights"):
            model = space.model(architecture).train()
        side = int(architecture.config["resolution"])
        size = (int(architecture.options["in_chans"]), side, side)
        # Circles are drawn once per run and kept for all architectures, the network's weights are not.
        circle = draw_circle(size, generator(self.seed, task.repeat, "circle"))
        speeds = velocity(model, circle, angles=torch.tensor(self.protocol.angles)).double().norm(dim=1)
        le = Outcome.of(PUBLISHED_ANGLES * float(speeds.mean()))
        ntk = Outcome.of(condition_number(model, self._batch(size)))
        failed = next((o for o in (le, ntk) if not o.ok), None)
        return Measured(le.value, ntk.value, *((failed.status, failed.message) if failed else ()))

    def _batch(self, size: tuple[int, int, int]) -> torch.Tensor:
        if self.images is not None:
            return torch.from_numpy(self.images)
        return torch.randn(self.protocol.images, *size, generator=generator(self.seed, "images"))
