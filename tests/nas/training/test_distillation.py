"""Distillation: half of the loss are the labels, half the teacher's choice (hard) or probabilities (soft)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import nas
from nas.errors import NasError
from nas.stitching.api import TEACHER_SHARE
from nas.training.losses import cross_entropy, sharpened
from nas.training.settings import Settings
from nas.training.step import make_mixing, mixed
from tests.nas.stitching import PAIR

IMAGES = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
TAUGHT = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
LOGITS = torch.randn(6, 5, generator=torch.Generator().manual_seed(2))


def loss(temperature: float, smoothing: float, mixing: Any = None) -> tuple[Tensor, Tensor]:
    """(the loss of a step, the truth without a teacher)."""
    torch.manual_seed(3)
    batch = mixed(mixing, IMAGES, LABELS, lambda x: sharpened(TAUGHT, temperature), TEACHER_SHARE, smoothing)
    if mixing is None:
        return cross_entropy(LOGITS, batch.truth), LABELS
    return cross_entropy(LOGITS, batch.truth), mixing.target


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hard_is_half_the_labels_and_half_the_teachers_choice(smoothing: float) -> None:
    """0.5 CE(labels, smoothed) + 0.5 CE(argmax of the teacher), SN-Net v1; the teacher's is not smoothed."""
    expected = 0.5 * F.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing)
    expected += 0.5 * F.cross_entropy(LOGITS, TAUGHT.argmax(1))
    assert loss(0.0, smoothing)[0] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_is_half_the_labels_and_half_the_teachers_probabilities(temperature: float) -> None:
    expected = 0.5 * F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    expected -= 0.5 * (F.softmax(TAUGHT / temperature, 1) * F.log_softmax(LOGITS, 1)).sum(1).mean()
    assert loss(temperature, 0.1)[0] == pytest.approx(float(expected), abs=1e-6)


def test_mixed_images_keep_their_soft_labels() -> None:
    class Mixing:
        """timm's, of which the targets are kept."""

        def __init__(self) -> None:
            self._mixing = make_mixing(0.8, 0.0, 5, 0.1)

        def __call__(self, x: Tensor, labels: Tensor) -> Any:
            x, self.target = self._mixing(x, labels)
            return x, self.target

    found, truth = loss(0.0, 0.1, Mixing())
    expected = 0.5 * F.cross_entropy(LOGITS, truth) + 0.5 * F.cross_entropy(LOGITS, TAUGHT.argmax(1))
    assert truth.shape == (6, 5)
    assert found == pytest.approx(float(expected), abs=1e-6)


def test_elsewhere_the_teacher_replaces_the_labels() -> None:
    batch = mixed(None, IMAGES, LABELS, lambda x: sharpened(TAUGHT, 1.0), Settings().teacher_share, 0.1)
    assert torch.equal(batch.truth, F.softmax(TAUGHT, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"distillation": "hard", "temperature": 2.0}, "hard has none"),
        ({"distillation": "hard"}, "hard distillation needs a teacher"),
        ({"teacher": "timm:resnet18"}, "tells 1000 classes apart"),
        ({"distillation": "soft", "temperature": 0.0}, "a temperature above 0 goes with soft"),
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"teacher_share": 0.0}, "teacher_share above 0"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(NasError) as caught:
        nas.stitch(PAIR, random_anchors=True, **options)
    assert said in str(caught.value)
