"""A data set that is learnt in seconds, and a small space on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.training.data import Data, load_data
from search_spaces import SearchSpace, get_space

CLASSES = 3


def stripes(count: int, seed: int) -> tuple[Any, Any]:
    """Noisy 8 x 8 images: bright rows, bright columns, or a bright corner."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    images = rng.integers(0, 100, (count, 8, 8))
    for image, label in zip(images, labels, strict=True):
        place = (slice(None, None, 2), slice(None)) if label == 0 else (slice(None), slice(None, None, 2))
        image[place if label < 2 else (slice(4), slice(4))] += 120
    return images.astype(np.uint8), labels


def write_npz(path: Path, **changed: Any) -> Path:
    """The stripes as a file, with some arrays changed."""
    (x_train, y_train), (x_test, y_test) = stripes(180, 0), stripes(60, 1)
    np.savez(path, **{"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, **changed})
    return path


@pytest.fixture(scope="session")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_npz(tmp_path_factory.mktemp("data") / "stripes.npz")


@pytest.fixture(scope="session")
def data(npz: Path) -> Data:
    return load_data(str(npz), validation=0.2)


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    """Attention and layer norms: quick."""
    return get_space("autoformer-small", num_classes=CLASSES, in_chans=1)


@pytest.fixture(scope="session")
def elastic() -> SearchSpace:
    """Convolutions and batch norms."""
    return get_space("elasticvit-small", num_classes=CLASSES, in_chans=1)
