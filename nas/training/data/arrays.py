"""Data sets that fit in memory: scikit-learn's digits, and ``.npz`` files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.training.augment import Augment, shift_and_flip
from nas.training.data.checks import checked_images, checked_labels
from nas.training.data.dataset import Batch, Labels, held_out
from nas.training.errors import DataError

NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")
DIGITS_TEST = 0.2
UNCHANGED = Augment()
Arrays = tuple[NDArray[Any], Labels]


class ArraySplit:
    """Images in memory, (N, C, H, W), uint8 or float32; augmented a batch at a time."""

    def __init__(
        self, arrays: Arrays, mean: Sequence[float], std: Sequence[float], augment: Augment = UNCHANGED
    ) -> None:  # fmt: skip
        self._images, self.labels = torch.from_numpy(arrays[0]), arrays[1]
        self._mean = torch.tensor(mean).view(1, -1, 1, 1)
        self._std = torch.tensor(std).view(1, -1, 1, 1)
        self._augment = augment

    def batches(self, rows: Sequence[NDArray[np.int64]], seeds: Sequence[int] | None = None) -> Iterator[Batch]:
        """See :class:`nas.training.data.dataset.Split`."""
        for i, chosen in enumerate(rows):
            images = (pixels(self._images[torch.from_numpy(chosen)]) - self._mean) / self._std
            if seeds is not None:
                images = shift_and_flip(images, self._augment, torch.Generator().manual_seed(seeds[i]))
            yield images, torch.from_numpy(self.labels[chosen])


def pixels(images: Tensor) -> Tensor:
    """Float32; uint8 becomes 0 to 1."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def statistics(images: NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel, rounded to 6 digits so that they can be written down."""
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    mean = images.mean(axis=(0, 2, 3), dtype=np.float64) / scale
    std = np.maximum(images.std(axis=(0, 2, 3), dtype=np.float64) / scale, 1e-6)
    return tuple(round(float(v), 6) for v in mean), tuple(round(float(v), 6) for v in std)


def digits() -> tuple[Arrays, Arrays]:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 pixels; every class's fifth part is the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images[:, None] * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    train, test = held_out(labels, DIGITS_TEST)
    return (images[train], labels[train]), (images[test], labels[test])


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"there is no file {path}", source=str(path))
    if not zipfile.is_zipfile(path):  # numpy would suggest to unpickle it
        raise DataError(f"{path} cannot be read as .npz: numpy.savez did not write it, or not to the end")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in NPZ_NAMES if name not in file]
            if missing:
                holds = ", ".join(file.files) or "nothing"
                raise DataError(f"{path} has no {', '.join(map(repr, missing))} (it holds {holds})", source=str(path))
            return {name: file[name] for name in NPZ_NAMES}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as .npz: {error}", source=str(path)) from None


def npz(path: Path) -> tuple[Arrays, Arrays]:
    """``x_train, y_train, x_test, y_test`` of a file written by ``numpy.savez``. Raises DataError."""
    source, found, parts = str(path), _npz_arrays(path), []
    for part in ("train", "test"):
        images = checked_images(found[f"x_{part}"], f"x_{part}", source)
        parts.append((images, checked_labels(found[f"y_{part}"], len(images), f"y_{part}", source)))
    if parts[0][0].shape[1:] != parts[1][0].shape[1:] or parts[0][0].dtype != parts[1][0].dtype:
        shapes = " and ".join(f"{p[0].shape[1:]} {p[0].dtype}" for p in parts)
        raise DataError(f"{source}: training and test images differ: {shapes}", source=source)
    return parts[0], parts[1]
