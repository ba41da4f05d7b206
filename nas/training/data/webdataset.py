"""WebDataset shards on disk: tar files in which ``KEY.jpg`` and ``KEY.cls`` stand beside one another.

An index of the shards (a pass over the tar headers) makes them a data set like any other: read in any order, by the
row. So nothing but the standard library is needed, and a resumed training sees the same images.
"""

from __future__ import annotations

import glob
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.training.data.dataset import Labels
from nas.training.data.folder import SUFFIXES
from nas.training.errors import DataError


@dataclass(frozen=True)
class Member:
    """Where an image's bytes are."""

    shard: str
    key: str
    offset: int
    size: int


def shards(pattern: str) -> tuple[list[Member], Labels]:
    """Every image of the shards that match (such as ``data/train-*.tar``), and the labels. Raises DataError."""
    paths = sorted(glob.glob(pattern))
    if not paths:
        raise DataError(f"no shard matches {pattern!r}, expected for example 'data/train-*.tar'", source=pattern)
    members: list[Member] = []
    labels: list[int] = []
    for path in paths:
        for member, label in _indexed(path):
            members.append(member)
            labels.append(label)
    return members, np.array(labels, dtype=np.int64)


def _indexed(path: str) -> list[tuple[Member, int]]:
    images: dict[str, Member] = {}
    classes: dict[str, int] = {}
    try:
        with tarfile.open(path) as tar:
            for info in tar:
                key, _, suffix = info.name.partition(".")
                if f".{suffix.lower()}" in SUFFIXES:
                    images[key] = Member(path, key, info.offset_data, info.size)
                elif suffix == "cls":
                    content = tar.extractfile(info)
                    classes[key] = int(content.read()) if content else -1
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"{path} is no shard that can be read: {error}", source=path) from None
    without = next((key for key in images if key not in classes), None)
    if without is not None or not images:
        what = f"image {without} has no label ({without}.cls)" if images else "it holds no image"
        raise DataError(f"{path}: {what}", source=path)
    return [(member, classes[key]) for key, member in images.items()]


def open_member(member: Member) -> Any:
    """The decoded image."""
    from PIL import Image

    with Path(member.shard).open("rb") as file:
        file.seek(member.offset)
        with Image.open(io.BytesIO(file.read(member.size))) as image:
            image.load()
            return image
