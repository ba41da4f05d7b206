"""Progressive tokenization: train on few tokens first (Chen et al., ICLR 2022, the figure of the training schedule).

The first projection's stride s decides how many tokens an image becomes; the network behind it runs on any number. So
training starts at stride 16, goes on at 8 and ends at 4, on the same weights: the projection's K x K taps are spread
over the larger stride by dilation, the largest with which a patch does not exceed it (K = 4: 5, 2 and 1, patches of
16, 7 and 4 pixels). Only the last phase is the architecture that the operator table prices.

Published for ImageNet's 300 epochs: up to about 80, about 132 and the end, at 13.2 %, 28.5 % and 100 % of the FLOPs.
The code was never released. :func:`macs_share` counts by the operator table: 5.6 %, 21 % and 100 % (As-ViT-Large),
since a quarter of the tokens is less than a quarter of the attention. Windows of fixed 7 tokens to a side, padded,
would give some 12 to 16 % and 28 to 33 %, which is consistent with the published shares; whether they were used is not
established.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture
from search_spaces.asvit import operators
from search_spaces.asvit.grammar import EMBED_STRIDE, check
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    from search_spaces.asvit.model import AsViTModel


@dataclass(frozen=True)
class Phase:
    """From ``start`` on, a share of the training (0 begins it), patches begin every ``stride`` pixels."""

    start: float
    stride: int

    def dilation(self, kernel: int) -> int:
        """Distance of the kernel's taps in pixels: as far apart as the stride allows."""
        return max(1, (self.stride - 1) // (kernel - 1))


PUBLISHED = (Phase(0.0, 16), Phase(80 / 300, 8), Phase(132 / 300, 4))
"""The published schedule; its epochs are read off a figure."""


def phase_at(progress: float, schedule: Sequence[Phase] = PUBLISHED) -> Phase:
    """The phase at a share of the training, 0 (begin) to 1 (end). Raises SpaceError for a schedule that is none."""
    check_schedule(schedule)
    return next(phase for phase in reversed(schedule) if phase.start <= max(progress, 0.0))


def check_schedule(schedule: Sequence[Phase]) -> None:
    """SpaceError unless the phases begin at 0, follow each other and end at the architecture's own stride."""
    starts = [phase.start for phase in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1:
        raise SpaceError(f"asvit: phases must begin at 0 and follow each other before 1, got {starts}")
    strides = [phase.stride for phase in schedule]
    if strides[-1] != EMBED_STRIDE or any(s < EMBED_STRIDE for s in strides):
        raise SpaceError(f"asvit: strides must end at {EMBED_STRIDE} and never be below it, got {strides}")


def apply_phase(model: AsViTModel, phase: Phase) -> None:
    """Let ``model`` tokenize as in ``phase``, in place; its weights stay as they are."""
    conv: Any = model.get_submodule(model.first_conv)
    conv.stride, conv.dilation = (phase.stride,) * 2, (phase.dilation(conv.kernel_size[0]),) * 2


def macs_share(architecture: Architecture, phase: Phase) -> float:
    """MACs of a forward pass in ``phase``, relative to the architecture's own."""
    config, options = check(architecture.config), architecture.options
    tokens = [operators.table(config, **options, stride=stride).macs[0] for stride in (phase.stride, EMBED_STRIDE)]
    return float(tokens[0] / tokens[1])


def training_share(architecture: Architecture, schedule: Sequence[Phase] = PUBLISHED) -> float:
    """MACs of the whole training relative to one at the architecture's own stride throughout."""
    check_schedule(schedule)
    ends = [*(phase.start for phase in schedule[1:]), 1.0]
    return sum((end - p.start) * macs_share(architecture, p) for p, end in zip(schedule, ends, strict=True))
