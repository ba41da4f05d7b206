"""Settings: everything that determines the result of a training, as a JSON-able value."""

from __future__ import annotations

from dataclasses import Field, asdict, dataclass, fields
from typing import Any

from nas.errors import NasError
from nas.training.augment import AUGMENTS
from search_spaces.errors import unknown_name

PRECISIONS = ("float32", "bf16", "fp16")
POSITIVE = ("epochs", "batch", "lr", "calibration")
SHARES = ("validation", "ema", "smoothing", "mixup", "cutmix", "min_lr")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train. Devices, workers and paths are no part of it.

    ``epochs``: passes over the training images, whole or not. ``batch``: images of a step, over all workers. ``lr``:
    peak learning rate of AdamW, after ``warmup`` epochs; from there a cosine leads down to ``min_lr`` times itself.
    ``clip``: ``none``, ``norm:1.0`` (global norm) or ``agc:0.1`` (adaptive, per unit). ``ema``: decay of the averaged
    weights, reached gradually; 0 keeps none. ``teacher``: ``timm:NAME``, a saved model's folder, or empty; its
    predictions, sharpened by ``temperature`` (0: its single best class), replace the labels, or of the loss
    ``teacher_share`` where that is below 1. ``calibration``: training images from which batch statistics are
    re-estimated before any subnet is judged.
    """

    epochs: float = 20
    batch: int = 64
    lr: float = 2e-3
    min_lr: float = 0.01
    warmup: float = 1.0
    weight_decay: float = 0.05
    clip: str = "norm:1.0"
    ema: float = 0.999
    smoothing: float = 0.1
    mixup: float = 0.0
    cutmix: float = 0.0
    augment: str = "auto"
    precision: str = "float32"
    sampler: str = "uniform"
    teacher: str = ""
    temperature: float = 1.0
    teacher_share: float = 1.0
    validation: float = 0.1
    calibration: int = 512
    image_size: int = 224
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field, getattr(self, field.name))
        for name in POSITIVE:
            if not getattr(self, name) > 0:
                raise NasError(f"{name} must be above 0, got {getattr(self, name)!r}")
        for name in SHARES:
            below = 2 if name in ("mixup", "cutmix") else 1
            if not 0 <= getattr(self, name) < below:
                raise NasError(f"{name} must be from 0 to below {below}, got {getattr(self, name)!r}")
        if not self.temperature >= 0 or not 0 < self.teacher_share <= 1:
            got = f"{self.temperature!r} and {self.teacher_share!r}"
            raise NasError(f"temperature must be at least 0, and teacher_share above 0 and at most 1, got {got}")
        if self.seed < 0 or self.warmup < 0 or self.weight_decay < 0 or self.batch < 2:
            raise NasError("seed, warmup and weight_decay must be at least 0, and batch at least 2")
        for kind, value, known in (("augmentation", self.augment, AUGMENTS), ("precision", self.precision, PRECISIONS)):
            if value not in known:
                raise unknown_name(kind, value, known)
        _ = self.clipping  # raises where it cannot be read

    @property
    def clipping(self) -> tuple[str, float] | None:
        """(norm or agc, value), None for no clipping. Raises NasError."""
        if self.clip == "none":
            return None
        mode, _, value = self.clip.partition(":")
        try:
            if mode in ("norm", "agc") and float(value) > 0:
                return mode, float(value)
        except ValueError:
            pass
        raise NasError(f"clip {self.clip!r}: write none, norm:1.0 (global norm) or agc:0.1 (adaptive)")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """The inverse of :meth:`to_dict`. Raises NasError on anything else."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise unknown_name("training setting", unknown[0], known)
        return cls(**data)


TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"), "float": ((int, float), "a number"), "str": ((str,), "a text"),
}  # fmt: skip


def _check_type(field: Field[Any], value: Any) -> None:
    """Raise NasError for a value of another type than the field's."""
    kinds, expected = TYPES[str(field.type)]
    if not isinstance(value, kinds) or isinstance(value, bool):
        usual = f", such as {field.default}" if field.default else ""
        raise NasError(f"{field.name} must be {expected}{usual}, got {value!r:.60}")
