"""An image folder: ``ROOT/train/CLASS/*.jpg`` with ``ROOT/val`` or ``ROOT/test``, or just ``ROOT/CLASS/*.jpg``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nas.training.data.dataset import Labels
from nas.training.errors import DataError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
TEST_NAMES = ("test", "val", "valid", "validation")


def folder(root: Path) -> tuple[list[Path], Labels, list[Path] | None, Labels | None]:
    """(training files, labels, test files, labels); None where the folder has no test part. Raises DataError."""
    train = root / "train"
    if not train.is_dir():
        return (*_training(root, _classes(root)), None, None)
    classes = _classes(train)
    files, labels = _training(train, classes)
    for name in TEST_NAMES:
        if (root / name).is_dir():
            unknown = sorted(set(_classes(root / name)) - set(classes))
            if unknown:
                raise DataError(f"{root / name}: class {unknown[0]!r} is not in {train}", source=str(root))
            return (files, labels, *_listed(root / name, classes))
    return files, labels, None, None


def _classes(root: Path) -> list[str]:
    found = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(found) < 2:
        raise DataError(
            f"{root} holds {len(found)} folders, expected one for each class (ROOT/train/CLASS/*.jpg or "
            "ROOT/CLASS/*.jpg)", source=str(root),
        )  # fmt: skip
    return found


def _training(root: Path, classes: list[str]) -> tuple[list[Path], Labels]:
    files, labels = _listed(root, classes)
    empty = sorted(set(classes) - {classes[label] for label in labels})
    if empty:
        raise DataError(f"{root / empty[0]} holds no image; every folder in {root} is a class", source=str(root))
    return files, labels


def _listed(root: Path, classes: list[str]) -> tuple[list[Path], Labels]:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = (
            sorted(p for p in (root / name).rglob("*") if p.suffix.lower() in SUFFIXES)
            if (root / name).is_dir()
            else []
        )
        files += found
        labels += [label] * len(found)
    if not files:
        raise DataError(f"{root} holds no image ({', '.join(sorted(SUFFIXES))})", source=str(root))
    return files, np.array(labels, dtype=np.int64)


def open_file(path: Path) -> Any:
    """The decoded image."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return image
