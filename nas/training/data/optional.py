"""Data sets of other libraries, imported on demand: torchvision and Hugging Face ``datasets``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nas.training.data.dataset import Labels
from nas.training.errors import DataError
from search_spaces.errors import unknown_name

IMAGES, LABELS = ("image", "img"), ("label", "labels", "fine_label", "target")
"""Column names of Hugging Face data sets, in order of preference."""
CACHE = "~/.cache/nas"
"""Where downloads go unless NAS_DATA or the user names a folder."""
Rows = tuple[Callable[[int], Any], Labels]


def torchvision_set(name: str, root: str) -> tuple[Rows, Rows]:
    """``CIFAR10``, ``SVHN`` and others of torchvision with a ``train`` flag or ``split``. Raises DataError."""
    from torchvision import datasets

    known = [n for n in datasets.__all__ if n[0].isupper() and hasattr(datasets, n)]
    if name not in known:
        raise unknown_name("torchvision data set", name, known)
    folder = Path(root) if root else Path(os.environ.get("NAS_DATA", CACHE)).expanduser() / "torchvision"
    parts = [_torchvision_part(getattr(datasets, name), name, folder, train) for train in (True, False)]
    return parts[0], parts[1]


def _torchvision_part(kind: Any, name: str, folder: Path, train: bool) -> Rows:
    settings: list[dict[str, Any]] = [{"train": train}]
    settings += [{"split": split} for split in (("train",) if train else ("test", "val"))]
    problem: Exception | None = None
    for setting in settings:
        for download in ({}, {"download": True}):
            try:
                found = kind(str(folder), **setting, **download)
            except TypeError:
                continue
            except ValueError as error:  # mostly: it has no such split
                problem = problem or error
                continue
            except Exception as error:  # each data set has its own: not there, no network, wrong checksum
                problem = error
                continue
            labels = getattr(found, "targets", getattr(found, "labels", getattr(found, "_labels", None)))
            if labels is None:
                raise DataError(f"torchvision:{name} is no classification data set", source=name)
            return partial(_image, found), np.asarray(labels, dtype=np.int64)
    reason = " ".join(str(problem).split())[:200] if problem else "it has neither train= nor split="
    raise DataError(f"torchvision:{name} cannot be had in {folder}: {reason}", source=name)


def _image(found: Any, row: int) -> Any:
    return found[row][0]


def huggingface_set(name: str) -> tuple[Rows, Rows | None]:
    """A data set of the Hugging Face hub (or a local path) by its name; needs the package ``datasets``."""
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataError("hf:NAME needs the package datasets: pip install datasets", source=name) from None
    try:
        parts = load_dataset(name)
    except Exception as error:  # not found, no network, a script that is refused
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"hf:{name} cannot be loaded: {reason}", source=name) from None
    return rows_of(parts, name)


def rows_of(parts: Mapping[str, Any], name: str) -> tuple[Rows, Rows | None]:
    """The training and test rows of a mapping from split names to tables with an image and a label column."""
    if "train" not in parts:
        raise DataError(f"hf:{name} has no split 'train' (it has {', '.join(parts)})", source=name)
    test = next((parts[n] for n in ("test", "validation", "val") if n in parts), None)
    return _table(parts["train"], name), None if test is None else _table(test, name)


def _cell(part: Any, column: str, row: int) -> Any:
    return part[row][column]


def _table(part: Any, name: str) -> Rows:
    image = next((c for c in IMAGES if c in part.column_names), None)
    label = next((c for c in LABELS if c in part.column_names), None)
    if image is None or label is None:
        what = "image" if image is None else "label"
        raise DataError(f"hf:{name} has no {what} column (columns: {', '.join(part.column_names)})", source=name)
    return partial(_cell, part, image), np.asarray(part[label], dtype=np.int64)
