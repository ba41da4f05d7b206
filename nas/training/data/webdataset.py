"""WebDataset shards on disk: tar files in which ``KEY.jpg`` and ``KEY.cls`` stand beside one another.

An index of the shards (a pass over the tar headers) makes them a data set like any other: read in any order, by the
row. So nothing but the standard library is needed, and a resumed training sees the same images.
"""

from __future__ import annotations

import glob
import io
import math
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nas.training.data.dataset import Labels
from nas.training.data.folder import SUFFIXES
from nas.training.errors import DataError

MAX_SHARDS = 100_000
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class Member:
    """Where an image's bytes are."""

    shard: str
    key: str
    offset: int
    size: int


def shards(pattern: str) -> tuple[list[Member], Labels]:
    """Every image of the shards that match (``data/train-*.tar``, ``data/train-{000..009}.tar``), and the labels.

    Raises DataError.
    """
    if math.prod(max(1, int(last) - int(first) + 1) for first, last in RANGE.findall(pattern)) > MAX_SHARDS:
        raise DataError(f"{pattern!r} stands for more than {MAX_SHARDS:,} shards", source=pattern)
    paths = sorted(path for part in _braces(pattern) for path in _existing(part))
    members: list[Member] = []
    labels: list[int] = []
    for path in paths:
        for member, label in _indexed(path):
            members.append(member)
            labels.append(label)
    return members, np.array(labels, dtype=np.int64)


def _existing(pattern: str) -> list[str]:
    found = glob.glob(pattern)
    if not found:
        raise DataError(f"no shard matches {pattern!r}, expected for example 'data/train-*.tar'", source=pattern)
    return found


def _braces(pattern: str) -> list[str]:
    """The patterns that a range such as ``{000..009}`` stands for, as WebDataset's own users write shards."""
    found = RANGE.search(pattern)
    if found is None:
        return [pattern]
    first, last = found.groups()
    numbers = [f"{i:0{len(first)}}" for i in range(int(first), int(last) + 1)]
    if not numbers:
        raise DataError(f"{pattern!r}: {found.group()} is an empty range", source=pattern)
    return [one for n in numbers for one in _braces(pattern[: found.start()] + n + pattern[found.end() :])]


def _indexed(path: str) -> list[tuple[Member, int]]:
    images: dict[str, Member] = {}
    classes: dict[str, int] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                folder, slash, file = info.name.rpartition("/")
                stem, _, suffix = file.partition(".")
                key = folder + slash + stem
                if f".{suffix.lower()}" in SUFFIXES:
                    images[key] = Member(path, key, info.offset_data, info.size)
                elif suffix == "cls":
                    classes[key] = _class(tar.extractfile(info), f"{path}: {info.name}")
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} is no uncompressed tar file that can be read: {error}", source=path) from None
    without = next((key for key in images if key not in classes), None)
    if without is not None or not images:
        what = f"image {without} has no label ({without}.cls)" if images else "it holds no image"
        raise DataError(f"{path}: {what}", source=path)
    return [(member, classes[key]) for key, member in images.items()]


def _class(content: IO[bytes] | None, name: str) -> int:
    text = content.read(32).strip() if content else b""
    if not text.isdigit():
        raise DataError(f"{name} holds {text.decode(errors='replace')!r}, expected a class number from 0", source=name)
    return int(text)


def open_member(member: Member) -> Any:
    """The decoded image."""
    from PIL import Image

    with Path(member.shard).open("rb") as file:
        file.seek(member.offset)
        with Image.open(io.BytesIO(file.read(member.size))) as image:
            image.load()
            return image
