"""Training-free scores of named architectures, on random images or on a user's data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.errors import NasError, UnknownName

if TYPE_CHECKING:
    from torch import nn

    from predictors.training_free import Batch, Limits, Outcome

MOST_IMAGES = 512


def score_named(
    text: str, names: Sequence[str], *, data: str | None = None, images: int = 8, seed: int = 0,
    seconds: float | None = None,
) -> dict[str, Outcome]:  # fmt: skip
    """Outcomes by proxy of what ``nas.sources.resolve`` takes, or of ``timm:NAME``.

    Weights are drawn under (``seed``, the architecture's id). ``data``: a data set of ``nas.training.data``, of which
    the proxies see that many training ``images`` with their labels, resized to the network's own resolution; without
    it they see 8 random images. ``seconds``: what one architecture may take. Raises NasError for what cannot be named.
    """
    from predictors.training_free import Limits, get_proxy

    for name in names:
        get_proxy(name)
    limits = Limits(seconds=seconds)
    if text.startswith("timm:"):
        return _timm(text.removeprefix("timm:"), names, data, images, seed, limits)
    return _ours(text, names, data, images, seed, limits)


def _ours(
    text: str, names: Sequence[str], data: str | None, images: int, seed: int, limits: Limits
) -> dict[str, Outcome]:
    import torch

    from nas.sources import resolve
    from predictors.training_free import score_architecture

    space, architecture = resolve(text)
    batch = None
    if data is not None:
        with torch.device("meta"):
            shape = space.model(architecture)
        batch = batch_of(data, images, shape)
    return score_architecture(space, None, architecture, names, seed=seed, batch=batch, limits=limits)


def _timm(
    name: str, names: Sequence[str], data: str | None, images: int, seed: int, limits: Limits
) -> dict[str, Outcome]:
    import timm

    from predictors.training_free import score
    from predictors.training_free.isolation import seeded
    from search_spaces.errors import unknown_name

    if not timm.is_model(name):
        error = unknown_name("timm model", name, timm.list_models())
        raise UnknownName(str(error).partition(" (known:")[0], **error.data)
    with seeded(seed, name, "weights"):
        model = timm.create_model(name)
    batch = None if data is None else batch_of(data, images, model)
    return score(model, batch, names, seed=seed, key=name, limits=limits)


def batch_of(data: str, count: int, model: nn.Module) -> Batch:
    """``count`` training images of a data set, evenly spread over it, as ``model`` takes them; the same every time.

    Images are resized bilinearly, and one channel is repeated where the network wants three. Raises NasError where the
    data set or the number is none, or the channels differ otherwise.
    """
    import numpy as np
    from torch.nn import functional as F

    from nas.training.data.sources import load_data
    from predictors.training_free import Batch
    from predictors.training_free.probe import MINI_BATCHES, input_shape

    channels, height, width = input_shape(model)
    found = load_data(data, side=max(height, width), augment="none")
    if not 2 * MINI_BATCHES <= count <= min(MOST_IMAGES, found.facts.train) or count % MINI_BATCHES:
        most = min(MOST_IMAGES, found.facts.train)
        raise NasError(f"--images is a multiple of {MINI_BATCHES} from {2 * MINI_BATCHES} to {most}, got {count}")
    rows = np.linspace(0, found.facts.train - 1, count).round().astype(np.int64)
    images, labels = next(iter(found.train.batches([rows])))
    if images.shape[1] not in (1, channels):
        raise NasError(f"{data} has images of {images.shape[1]} channels, the network takes {channels}")
    images = F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
    return Batch(images.expand(-1, channels, -1, -1).contiguous(), labels)
