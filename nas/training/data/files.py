"""Images that are decoded when they are needed: folders, shards and other people's data sets.

Every image is augmented from a seed of its own, so the result does not depend on how many processes decode.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from nas.training.data.dataset import Batch, Labels
from nas.training.errors import DataError

BAD_SHARE = 0.01
"""Share of unreadable images above which a data set is refused."""
BAD_MIN = 10
SAMPLE = 512
"""Images from which mean and standard deviation are estimated."""

Open = Callable[[int], Any]
"""Row number -> PIL image. May raise OSError, SyntaxError or ValueError on a damaged one."""


class FileSplit:
    """``open_image`` decodes one row, ``name`` names it. Unreadable images are counted, named and skipped.

    In the place of an unreadable image stands the next readable one of the split. Above ``BAD_SHARE`` of them (and at
    least ``BAD_MIN``) a DataError names the first.
    """

    def __init__(
        self, open_image: Open, name: Callable[[int], str], labels: Labels, train: Any, plain: Any, workers: int,
        source: str,
    ) -> None:  # fmt: skip
        self.labels = labels
        self.unreadable: dict[int, str] = {}
        self._open, self._name, self._source = open_image, name, source
        self._train, self._plain, self._workers = train, plain, workers

    def batches(self, rows: Sequence[NDArray[np.int64]], seeds: Sequence[int] | None = None) -> Iterator[Batch]:
        """See :class:`nas.training.data.dataset.Split`."""
        steps = [
            [(int(row), -1 if seeds is None else (seeds[i] + j) % 2**32) for j, row in enumerate(chosen)]
            for i, chosen in enumerate(rows)
        ]
        decoder = _Decoder(self._open, self.labels, self._plain if seeds is None else self._train)
        loader = DataLoader(decoder, batch_sampler=steps, num_workers=self._workers)  # type: ignore[arg-type]
        for images, labels, bad in loader:
            self._count(bad[bad >= 0].tolist())
            yield images, labels

    def _count(self, bad: list[int]) -> None:
        self.unreadable |= {row: self._name(row) for row in bad}
        if len(self.unreadable) > max(BAD_MIN, BAD_SHARE * len(self.labels)):
            first = next(iter(self.unreadable.values()))
            raise DataError(
                f"{self._source}: {len(self.unreadable)} of {len(self.labels):,} images cannot be read, the first is "
                f"{first}; repair or remove them", source=self._source,
            )  # fmt: skip


class _Decoder(Dataset[Any]):
    """(row, seed or -1) -> (image, label, row that could not be read or -1)."""

    def __init__(self, open_image: Open, labels: Labels, transform: Any) -> None:
        self._open, self._labels, self._transform = open_image, labels, transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Any, int, int]:
        row, seed = key
        image, found = self._readable(row)
        if seed >= 0:  # timm's transforms draw from all three global generators
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
        return self._transform(image), int(self._labels[found]), row if found != row else -1

    def _readable(self, row: int) -> tuple[Any, int]:
        for distance in range(len(self._labels)):
            try:
                return self._open((row + distance) % len(self._labels)), (row + distance) % len(self._labels)
            except (OSError, SyntaxError, ValueError):
                continue
        raise DataError("no image can be read")


def transforms(side: int, mean: Sequence[float], std: Sequence[float], strong: bool, flip: bool) -> tuple[Any, Any]:
    """timm's (training, evaluation) transforms of a PIL image; evaluation resizes by 8/7 and crops the centre."""
    from timm.data.transforms_factory import create_transform

    common: dict[str, Any] = {
        "input_size": (len(mean), side, side), "mean": tuple(mean), "std": tuple(std), "interpolation": "bicubic",
    }  # fmt: skip
    train = create_transform(
        is_training=True, hflip=0.5 if flip else 0.0, color_jitter=0.0,
        auto_augment="rand-m9-mstd0.5-inc1" if strong else None, re_prob=0.25 if strong else 0.0, **common,
    )  # fmt: skip
    return train, create_transform(is_training=False, crop_pct=0.875, **common)


def sample_statistics(open_image: Open, count: int) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """(channels, mean, std) of an even sample of the images; unreadable ones are passed over."""
    sums = np.zeros((2, 3))
    seen, grey = 0, True
    for row in range(0, count, max(1, count // SAMPLE)):
        try:
            image = open_image(row)
        except (OSError, SyntaxError, ValueError):
            continue
        grey &= image.mode in ("L", "1")
        array = np.asarray(image.convert("RGB"), dtype=np.float64) / 255
        sums += array.mean(axis=(0, 1)), (array**2).mean(axis=(0, 1))
        seen += 1
    if not seen:
        raise DataError("none of the sampled images can be read")
    mean = sums[0] / seen
    std = np.sqrt(np.maximum(sums[1] / seen - mean**2, 1e-12))
    channels = 1 if grey else 3
    return channels, tuple(np.round(mean[:channels], 6)), tuple(np.round(std[:channels], 6))
