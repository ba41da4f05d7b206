"""What is wrong with images and labels, said in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.training.data.dataset import Labels
from nas.training.errors import DataError

SHAPES = "(N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels"


def checked_images(images: NDArray[Any], name: str, source: str) -> NDArray[Any]:
    """Images as (N, C, H, W), uint8 or float32. Raises DataError."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise DataError(f"{source}: {name} has shape {images.shape}, expected {SHAPES}", source=source)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise DataError(f"{source}: {name} is {images.dtype}, expected uint8 (0 to 255) or floats", source=source)
    if not np.isfinite(images).all():
        raise DataError(f"{source}: {name} holds values that are not finite", source=source)
    return np.ascontiguousarray(images, dtype=np.float32)


def checked_labels(labels: NDArray[Any], count: int, name: str, source: str) -> Labels:
    """Labels as int64, one per image. Raises DataError."""
    if labels.shape != (count,):
        raise DataError(f"{source}: {name} has shape {labels.shape}, expected ({count},): one per image", source=source)
    if labels.dtype.kind not in "iu":
        raise DataError(f"{source}: {name} is {labels.dtype}, expected integers (class numbers from 0)", source=source)
    return labels.astype(np.int64)


def count_classes(train: Labels, test: Labels, source: str) -> int:
    """Number of classes. Raises DataError where numbers are left out, or a class of the test set was never trained."""
    found = np.unique(train)
    if found[0] < 0 or len(found) < 2:
        what = "a negative label" if found[0] < 0 else "only one class"
        raise DataError(f"{source}: the training labels hold {what}, expected 0, 1, .. of at least 2", source=source)
    missing = np.setdiff1d(np.arange(found[-1] + 1), found)
    if len(missing):
        shown = ", ".join(map(str, missing[:5])) + (", .." if len(missing) > 5 else "")
        raise DataError(
            f"{source}: labels run from 0 to {found[-1]} but no training image has {shown}; number classes 0 to "
            f"{len(found) - 1} without gaps", source=source,
        )  # fmt: skip
    unknown = np.setdiff1d(np.unique(test), found)
    if len(unknown):
        raise DataError(f"{source}: test label {unknown[0]} is none of the training labels 0 to {found[-1]}")
    return len(found)
