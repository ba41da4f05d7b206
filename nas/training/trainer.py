"""The trainer: one loop for supernets and single networks; methods differ in their sampler only."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nas.training.checkpoint import Checkpoint
from nas.training.data import Data
from nas.training.ema import Average
from nas.training.group import Group
from nas.training.judge import at_size
from nas.training.optimiser import clip, make_optimiser, rate
from nas.training.order import batches, generators_kept, per_epoch, seed_step, step_count
from nas.training.samplers.plan import Item, Moment, Sampler
from nas.training.settings import Settings
from nas.training.sorting import sort_channels
from nas.training.step import Images, make_mixing, mixed, plain_losses, run_items

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Progress:
    """A finished step: ``step`` of ``steps``, its loss, learning rate, speed, and the ids of its subnets."""

    step: int
    steps: int
    epoch: int
    loss: float
    lr: float
    images_per_s: float
    subnets: tuple[str, ...]


class Trainer:
    """Trains ``model`` (a supernet with a sampler, or a network without). See ``settings`` for how.

    ``on_step`` is told of every step, ``on_epoch`` of every finished epoch.
    """

    def __init__(
        self, model: nn.Module, data: Data, settings: Settings, sampler: Sampler | None = None, *,
        teacher: Callable[[Tensor], Tensor] | None = None, device: torch.device | str = "cpu",
        group: Group | None = None,
    ) -> None:  # fmt: skip
        # Convolutions are up to 1.6 times as fast on a CPU in this layout, and no slower on a GPU.
        self.model: Any = model.to(device).to(memory_format=torch.channels_last)
        self.settings, self.sampler, self.device = settings, sampler, torch.device(device)
        self.group = group or Group()
        self.per_epoch = per_epoch(len(data.train.labels), settings.batch)
        self.steps = step_count(settings.epochs, len(data.train.labels), settings.batch)
        self.step = 0
        self.average = Average(model, settings.ema)
        self._data, self._teacher = data, teacher
        self._optimiser = make_optimiser(model, settings)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        self._mixing = make_mixing(settings.mixup, settings.cutmix, data.facts.num_classes, settings.smoothing)

    def run(
        self, on_step: Callable[[Progress], None] = lambda p: None, on_epoch: Callable[[int], None] = lambda e: None,
        until: int | None = None,
    ) -> None:  # fmt: skip
        """Train to the end, or to step ``until``. Raises TrainingDiverged."""
        end = self.steps if until is None else min(until, self.steps)
        with generators_kept():
            source = batches(self._data.train, self.settings.batch, self.settings.seed, self.step, self.group)
            while self.step < end:
                start = time.perf_counter()
                progress = self._train(*next(source), start)
                on_step(progress)
                if self.step % self.per_epoch == 0:
                    on_epoch(self.step // self.per_epoch)

    def _train(self, x: Tensor, labels: Tensor, start: float) -> Progress:
        rng = seed_step(self.settings.seed, self.step, self.group.rank)
        self.model.train()
        images = mixed(
            self._mixing, self._sized(x.to(self.device)), labels.to(self.device), self._teacher,
            self.settings.teacher_share, self.settings.smoothing,
        )  # fmt: skip
        at = Moment(self.step, self.steps, self.per_epoch)
        items = self._planned(at, images, rng)
        lr = rate(self.settings, self.step, self.steps, self.per_epoch)
        for group in self._optimiser.param_groups:
            group["lr"] = lr * group["rate_scale"]
        self._optimiser.zero_grad(set_to_none=True)
        loss, predictions = run_items(
            self.model, items, images, self.settings.smoothing, self.step, self._scaler.scale, self._cast()
        )
        self._apply()
        self._report(items, images, predictions)
        self.average.update(self.step)
        self.step += 1
        mean = float(self.group.mean(torch.tensor([loss], device=self.device)))
        speed = self.settings.batch / (time.perf_counter() - start)
        subnets = tuple(item.architecture.id for item in items if item.architecture)
        return Progress(self.step, self.steps, (self.step - 1) // self.per_epoch, mean, lr, speed, subnets)

    def _sized(self, x: Tensor) -> Tensor:
        """Images at a network's own size; a supernet resizes them to each subnet's by itself."""
        return at_size(self.model, x) if self.sampler is None else x

    def _planned(self, at: Moment, images: Images, rng: np.random.Generator) -> list[Item]:
        if self.sampler is None:
            return [Item(None)]
        if self.sampler.sorts(at):
            sort_channels(self.model.full)
        asked = self.sampler.asks(at)
        if asked:
            self.sampler.answer(self.group.mean(plain_losses(self.model, asked, images, self._cast())).tolist())
        return self.sampler.plan(at, rng)

    def _cast(self) -> Any:
        dtype = DTYPES.get(self.settings.precision)
        return nullcontext() if dtype is None else torch.autocast(self.device.type, dtype=dtype)

    def _apply(self) -> None:
        """Average the gradients over the workers, clip them, take the optimiser's step."""
        self.group.mean_gradients(self.model)
        self._scaler.unscale_(self._optimiser)
        clip(self.model, self.settings)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def _report(self, items: list[Item], images: Images, predictions: list[Tensor]) -> None:
        """Tell a sampler that listens the cross-entropy of every item; on unmixed images, so mixed ones run again."""
        if self.sampler is None or not self.sampler.listens:
            return
        if images.x is images.plain_x:
            losses = torch.stack([nn.functional.cross_entropy(p.float(), images.labels) for p in predictions])
        else:
            known = [item.architecture for item in items if item.architecture]
            losses = plain_losses(self.model, known, images, self._cast())
        self.sampler.hear(self.group.mean(losses).tolist())

    # ---- checkpoints -------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """Everything that the rest of the training depends on."""
        tensors = {f"model/{n}": t for n, t in self.model.state_dict().items()}
        tensors |= {f"average/{n}": t for n, t in self.average.tensors.items()}
        for index, kept in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": t for name, t in kept.items()}
        state = {"sampler": self.sampler.state() if self.sampler else {}, "scaler": self._scaler.state_dict()}
        return Checkpoint(self.step, tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """The inverse of :meth:`checkpoint`."""
        self.step = checkpoint.step
        checkpoint.fill(self.model, "model/")
        for name, tensor in checkpoint.part("average/").items():
            self.average.tensors[name].copy_(tensor)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in checkpoint.part("optimiser/").items():
            index, _, leaf = name.partition("/")
            state.setdefault(int(index), {})[leaf] = _laid_out(tensor)
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})
        self._scaler.load_state_dict(checkpoint.state["scaler"])
        if self.sampler is not None:
            self.sampler.restore(checkpoint.state["sampler"])


def _laid_out(tensor: Tensor) -> Tensor:
    """A moment in the layout of its weight, so that the optimiser keeps its fast path."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
