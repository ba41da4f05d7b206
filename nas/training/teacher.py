"""Teachers: any timm model or saved model, asked for probabilities."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import NasError
from nas.training.data import Facts
from nas.training.job import refuse_supernet
from nas.training.losses import sharpened

TIMM = "timm:"


class Teacher:
    """A frozen network on this data's images: they are normalised, coloured and resized as it was trained.

    ``trained``: what is known of that besides the model's own configuration (``input_size``, ``mean``, ``std``).
    """

    def __init__(
        self, model: nn.Module, facts: Facts, temperature: float, device: torch.device,
        trained: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        own: Any = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
        config = own | dict(trained or {})
        channels, side = config.get("input_size", (facts.in_chans, facts.side, facts.side))[:2]
        self._model = model.eval().requires_grad_(False).to(device)
        self._size, self._channels, self._temperature = (side, side), channels, temperature
        self._from = _affine(facts.mean, facts.std, device)
        mean, std = (_of_channels(config.get(n, getattr(facts, n)), channels) for n in ("mean", "std"))
        self._to = _affine(mean, std, device)

    @torch.no_grad()
    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """Normalised images -> probabilities (B, K), sharpened by the temperature."""
        x_BCHW = x_BCHW * self._from[1] + self._from[0]
        x_BCHW = x_BCHW.expand(-1, self._channels, -1, -1)
        if x_BCHW.shape[-2:] != self._size:
            x_BCHW = F.interpolate(x_BCHW, size=self._size, mode="bicubic", align_corners=False)
        return sharpened(self._model((x_BCHW - self._to[0]) / self._to[1]), self._temperature)


def _affine(mean: Any, std: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    shaped = [torch.tensor(tuple(v), device=device, dtype=torch.float32).view(1, -1, 1, 1) for v in (mean, std)]
    return shaped[0], shaped[1]


def _of_channels(values: Any, channels: int) -> tuple[float, ...]:
    """A value a channel; of a grey network that was never trained, whose configuration is for colours, their mean."""
    return tuple(values) if len(values) in (1, channels) else (sum(values) / len(values),)


def make_teacher(text: str, facts: Facts, temperature: float, device: torch.device) -> Teacher:
    """The teacher behind ``timm:NAME`` (pretrained) or a saved model's folder. Raises NasError."""
    check_teacher(text, facts)
    model, trained = (_timm(text.removeprefix(TIMM)), {}) if text.startswith(TIMM) else _saved(Path(text))
    with torch.no_grad():
        teacher = Teacher(model, facts, temperature, device, trained)
        _check_classes(
            text, teacher(torch.zeros(1, facts.in_chans, facts.side, facts.side, device=device)).shape[1], facts
        )
    return teacher


def check_teacher(text: str, facts: Facts) -> None:
    """Raise NasError for what can be told without the teacher's weights: no such network, or of other classes."""
    if text.startswith(TIMM):
        _check_classes(text, _timm_classes(text.removeprefix(TIMM)), facts)
    else:
        from nas.sources import resolve

        classes = resolve(str(_model_json(Path(text))))[1].options.get("num_classes")
        _check_classes(text, facts.num_classes if classes is None else classes, facts)


def _check_classes(text: str, classes: int, facts: Facts) -> None:
    if classes != facts.num_classes:
        raise NasError(
            f"teacher {text} tells {classes} classes apart, {facts.source} has {facts.num_classes}; 'nas train' or "
            "'nas finetune' a teacher on this data and give its folder"
        )


def _timm_classes(name: str) -> int:
    import timm

    from search_spaces.errors import unknown_name

    if not timm.is_model(name.partition(".")[0]):
        raise unknown_name("timm model", name, timm.list_models(name[:4] + "*") or timm.list_models())
    config = timm.get_pretrained_cfg(name) if timm.is_model_pretrained(name) else None
    if config is None:
        raise NasError(f"teacher timm:{name}: timm has no pretrained weights of it")
    return int(config.num_classes)


def _timm(name: str) -> nn.Module:
    import timm

    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # it tells of every retry
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # no network, no such file: timm and the hub have an exception each
        reason = str(error).strip().partition("\n")[0].partition(". ")[0]
        raise NasError(f"the weights of teacher timm:{name} cannot be had: {reason}") from None
    finally:
        logger.setLevel(before)


def _saved(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The module, and what ``model.json`` says of the images it was trained on."""
    from nas.weights import load_model

    document = json.loads(_model_json(folder).read_text())
    return load_model(folder), {name: document[name] for name in ("input_size", "mean", "std") if name in document}


def _model_json(folder: Path) -> Path:
    from nas.weights import MODEL_JSON

    refuse_supernet(folder)
    if not (folder / MODEL_JSON).is_file():
        raise NasError(f"teacher {str(folder)!r} is neither timm:NAME nor a folder of 'nas train', 'nas extract' or "
                       "'nas build --out'")  # fmt: skip
    return folder / MODEL_JSON
