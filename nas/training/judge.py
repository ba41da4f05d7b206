"""What a subnet is worth with the weights it inherits: accuracy after its batch statistics are re-estimated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.training.data import Data, Split
from nas.training.data.dataset import in_order
from search_spaces import Architecture
from search_spaces.modules.calibration import batch_norms, recalibrate

BATCH = 256
CALIBRATION_BATCH = 64
CALIBRATION_SEED = 1


@dataclass(frozen=True)
class Judgement:
    """``accuracy`` (a share) and mean cross-entropy on ``images`` images, statistics from ``calibrated`` others."""

    accuracy: float
    loss: float
    images: int
    calibrated: int


class Judge:
    """Judges networks on one data set; the result depends on the network's weights and on nothing judged before.

    Batch statistics are reset and averaged over the same ``calibration`` training images, drawn once under
    ``CALIBRATION_SEED``, in batches of 64, without augmentation.
    """

    def __init__(self, data: Data, calibration: int, device: torch.device | str = "cpu") -> None:
        self._data, self._device = data, torch.device(device)
        count = min(calibration, data.facts.train)
        rows = np.random.default_rng(CALIBRATION_SEED).permutation(data.facts.train)[:count]
        self._rows = [rows[part] for part in in_order(count, CALIBRATION_BATCH) if len(part) > 1]
        self.calibration = sum(map(len, self._rows))

    def subnet(
        self, supernet: Any, architecture: Architecture, part: str = "validation"
    ) -> tuple[nn.Module, Judgement]:
        """The extracted subnet, statistics re-estimated, and its judgement; the supernet is left as it was."""
        module = supernet.extract(architecture).to(self._device, memory_format=torch.channels_last)
        calibrated = self.calibrate(module)
        return module, self.network(module, part, calibrated)

    def calibrate(self, module: nn.Module) -> int:
        """Re-estimate the batch statistics; returns the number of images used, 0 where there are none to estimate."""
        if not batch_norms(module):
            return 0
        images = (x for x, _ in self._data.train.batches(self._rows))
        recalibrate(module, (self._fit(module, x) for x in images))
        return self.calibration

    def network(self, module: nn.Module, part: str = "validation", calibrated: int = 0) -> Judgement:
        """Judge a plain module as it is, on the ``validation`` or ``test`` images."""
        split: Split = getattr(self._data, part)
        batches = split.batches(in_order(len(split.labels), BATCH))
        correct, loss, count = self._measured(module, batches)
        return Judgement(correct / count, loss / count, count, calibrated)

    @torch.no_grad()
    def _measured(self, module: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[int, float, int]:
        training = module.training
        module.eval()
        correct, loss, count = 0, 0.0, 0
        for images, labels in batches:
            logits = module(self._fit(module, images)).float()
            labels = labels.to(self._device)
            correct += int((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            count += len(labels)
        module.train(training)
        return correct, loss, count

    def _fit(self, module: nn.Module, x_BCHW: Tensor) -> Tensor:
        return at_size(module, x_BCHW.to(self._device))


def at_size(module: nn.Module, x_BCHW: Tensor) -> Tensor:
    """Images resized bicubically to the module's own ``img_size``, as a supernet does for its subnets."""
    size: Any = getattr(module, "img_size", None)
    side = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if size is None or x_BCHW.shape[-2:] == side:
        return x_BCHW
    return F.interpolate(x_BCHW, size=side, mode="bicubic", align_corners=False)
