"""Probe: one network, one batch, and the passes that several proxies share.

Shapes: N images, B mini-batches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from predictors.training_free.isolation import generator, seeded
from search_spaces.errors import NasError
from search_spaces.operators import OperatorTable

T = TypeVar("T")

IMAGES, MINI_BATCHES = 8, 2
"""Images in the default batch, and into how many equal mini-batches every batch is cut (ZiCo needs two)."""


@dataclass(frozen=True)
class Batch:
    """Images of shape (N, C, H, W) and, if known, their labels of shape (N,). N is a multiple of MINI_BATCHES."""

    images: Tensor
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.ndim != 4 or n < 2 * MINI_BATCHES or n % MINI_BATCHES:
            raise NasError(
                f"a batch is (N, C, H, W) with N a multiple of {MINI_BATCHES} from {2 * MINI_BATCHES}, "
                f"got {tuple(self.images.shape)}"
            )
        if self.labels is not None and self.labels.shape != (n,):
            raise NasError(f"labels of {n} images have shape ({n},), got {tuple(self.labels.shape)}")


class Probe:
    """What a proxy sees: a private copy of the network (train mode, float32), its operator table, a batch, generators,
    shared passes.

    ``model`` may be a function that builds the network: proxies that read only ``table`` then never build it.
    ``wanted`` names the shared passes that the proxies of this run use. Proxies may run and differentiate ``model``
    but leave its parameters as they are; they draw from ``generator(name)`` only.
    """

    def __init__(
        self, model: nn.Module | Callable[[], nn.Module], batch: Batch | None, *, seed: int, key: str,
        wanted: frozenset[str] = frozenset(), input_size: tuple[int, int, int] | None = None,
        table: Callable[[], OperatorTable] | None = None, dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        self.seed, self.key, self.wanted, self.dtype = seed, key, wanted, dtype
        self._given, self._batch, self._input_size, self._table = model, batch, input_size, table
        self._shared: dict[Callable[[Probe], Any], Any] = {}

    @cached_property
    def source(self) -> nn.Module:
        """The network as it was given (and then not to be touched) or built."""
        return self._given if isinstance(self._given, nn.Module) else self._given()

    @cached_property
    def model(self) -> nn.Module:
        """The private copy. No module of it works in place, so what a layer returned can still be read later."""
        ours = copy.deepcopy(self.source) if isinstance(self._given, nn.Module) else self.source
        for module in ours.modules():
            if getattr(module, "inplace", False):
                setattr(module, "inplace", False)  # noqa: B010 (nn.Module types its attributes as tensors or modules)
        return ours.to(self.dtype).train().requires_grad_(True)

    @cached_property
    def table(self) -> OperatorTable:
        """The operator table of the one network: the space's, or else traced on ``meta``, where nothing is computed."""
        if self._table is not None:
            return self._table()
        from search_spaces import trace

        return trace(self.source, input_size=self.input_size)

    @cached_property
    def input_size(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        if self._batch is None:
            return self._input_size or input_shape(self.source)
        channels, height, width = self._batch.images.shape[1:]
        return channels, height, width

    @cached_property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return next((p.device for p in self.model.parameters()), torch.device("cpu"))

    def generator(self, name: str) -> torch.Generator:
        """A fresh generator seeded by (run seed, architecture id, ``name``)."""
        return generator(self.seed, self.key, name)

    def seeded(self, name: str) -> Any:
        """Global generators seeded the same way, for the networks that draw (dropout)."""
        return seeded(self.seed, self.key, name)

    def shared(self, make: Callable[[Probe], T]) -> T:
        """``make(self)``, computed once however many proxies ask."""
        if make not in self._shared:
            self._shared[make] = make(self)
        return self._shared[make]  # type: ignore[no-any-return]

    @property
    def has_batch(self) -> bool:
        """Whether images were given; else they are drawn."""
        return self._batch is not None

    @property
    def images(self) -> Tensor:
        """The batch's images, or N(0, 1) ones at the network's own resolution, shape (N, C, H, W)."""
        if self._batch:
            return self._batch.images.detach().to(self.device, self.dtype)
        return self.noise(IMAGES, "images")

    def noise(self, n: int, name: str) -> Tensor:
        """N(0, 1) images at the network's own resolution, shape (n, C, H, W), whatever batch was given."""
        drawn = torch.randn(n, *self.input_size, generator=self.generator(name))
        return drawn.to(self.device, self.dtype)

    def labels(self, classes: int) -> Tensor:
        """The batch's labels, or random ones out of ``classes``, shape (N,)."""
        if self._batch and self._batch.labels is not None:
            return self._batch.labels.long().to(self.device)
        n = len(self._batch.images) if self._batch else IMAGES
        return torch.randint(classes, (n,), generator=self.generator("labels")).to(self.device)

    def weights(self) -> dict[str, nn.Parameter]:
        """Kernels of convolutions and linears (and of torch's packed attention) by name, shared ones once."""
        return dict(_kernels(self.model))


def _kernels(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        kernel = isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))
        attribute = "weight" if kernel else "in_proj_weight" if isinstance(module, nn.MultiheadAttention) else ""
        weight = getattr(module, attribute, None) if attribute else None
        if isinstance(weight, nn.Parameter) and id(weight) not in seen:
            seen.add(id(weight))
            yield f"{prefix}.{attribute}".lstrip("."), weight


def input_shape(model: nn.Module) -> tuple[int, int, int]:
    """(C, H, W) of the images the network expects, from its attributes or its timm configuration.

    Raises NasError where it does not say.
    """
    cfg = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    size = getattr(model, "img_size", None) or getattr(getattr(model, "patch_embed", None), "img_size", None)
    expected = cfg.get("input_size") if isinstance(cfg, Mapping) else None
    if size is None and expected is None:
        raise NasError(f"{type(model).__name__} does not say its img_size; pass input_size=(channels, height, width)")
    channels = getattr(model, "in_chans", None) or (expected[0] if expected else 3)
    height, width = (size if isinstance(size, (tuple, list)) else (size, size)) if size else expected[1:]  # type: ignore[index]
    return int(channels), int(height), int(width)
