"""From the word a user gives to a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nas.training.augment import chosen
from nas.training.data import arrays, files
from nas.training.data.checks import count_classes
from nas.training.data.dataset import Data, Facts, Labels, Subset, held_out
from nas.training.errors import DataError

FORMS = "digits, FILE.npz, FOLDER, torchvision:NAME[@FOLDER], hf:NAME or webdataset:TRAIN.tar[,TEST.tar]"
TEST_SHARE = 0.1
"""Held out as the test set where the source has none."""
Rows = tuple[Callable[[int], Any], Callable[[int], str], Labels]


def load_data(
    source: str, *, side: int = 224, augment: str = "auto", validation: float = 0.1, workers: int = 0
) -> Data:
    """The data set behind ``source`` (one of FORMS). Raises DataError saying what was expected.

    ``validation`` is the share of every class's training images held out for searches. ``side``: the pixels to which
    decoded images are cropped (arrays keep their own size). ``workers``: processes that decode; 0: this one.
    """
    if not 0 < validation < 1:
        raise DataError(f"the validation share must be between 0 and 1, got {validation!r}")
    kind, colon, rest = source.partition(":")
    path = Path(source)
    if source == "digits":
        return _arrays(source, *arrays.digits(), augment, validation)
    if path.suffix == ".npz":
        return _arrays(source, *arrays.npz(path), augment, validation)
    make = {"torchvision": _torchvision, "hf": _huggingface, "webdataset": _webdataset}.get(kind if colon else "")
    if not source or (make is None and not path.is_dir()):
        missing = " (there is no such folder)" if "/" in source and not path.exists() else ""
        raise DataError(f"{source!r} names no data set{missing}: write {FORMS}", source=source)
    train, test = make(rest) if make else _folder(path)
    return _files(source, train, test, side, augment, validation, workers)


def _arrays(source: str, train: arrays.Arrays, test: arrays.Arrays, augment: str, validation: float) -> Data:
    classes = count_classes(train[1], test[1], source)
    _, channels, height, width = train[0].shape
    kept, out = held_out(train[1], validation)
    mean, std = arrays.statistics(train[0][kept])
    change = chosen(augment, min(height, width), channels)
    facts = Facts(
        source, classes, channels, max(height, width), mean, std, len(kept), len(out), len(test[1])
    )  # fmt: skip
    whole = arrays.ArraySplit(train, mean, std, change)
    return Data(facts, Subset(whole, kept), Subset(whole, out), arrays.ArraySplit(test, mean, std))


def _files(
    source: str, train: Rows, test: Rows | None, side: int, augment: str, validation: float, workers: int
) -> Data:
    train, test = (train, test) if test is not None else _with_test(train)
    classes = count_classes(train[2], test[2], source)
    channels, mean, std = files.sample_statistics(train[0], len(train[2]))
    mean, std = tuple(map(float, mean)), tuple(map(float, std))
    change = chosen(augment, side, channels)
    pair = files.transforms(side, mean, std, change.strong, change.flip)
    mode = "L" if channels == 1 else "RGB"
    whole, rest = (
        files.FileSplit(partial(_converted, rows[0], mode), rows[1], rows[2], *pair, workers, source)
        for rows in (train, test)
    )
    kept, out = held_out(train[2], validation)
    facts = Facts(source, classes, channels, side, mean, std, len(kept), len(out), len(test[2]))
    return Data(facts, Subset(whole, kept), Subset(whole, out), rest)


def _with_test(rows: Rows) -> tuple[Rows, Rows]:
    kept, out = held_out(rows[2], TEST_SHARE)
    return _rows(rows, kept), _rows(rows, out)


def _rows(rows: Rows, some: np.ndarray[Any, np.dtype[np.int64]]) -> Rows:
    return partial(_at, rows[0], some), partial(_at, rows[1], some), rows[2][some]


# Functions that processes which decode can be sent, whatever way they are started: no lambdas.


def _at(function: Callable[[int], Any], some: np.ndarray[Any, np.dtype[np.int64]], row: int) -> Any:
    return function(int(some[row]))


def _of(function: Callable[[Any], Any], places: Sequence[Any], row: int) -> Any:
    return function(places[row])


def _converted(open_image: Callable[[int], Any], mode: str, row: int) -> Any:
    return open_image(row).convert(mode)


def _numbered_name(name: str, row: int) -> str:
    return f"image {row} of {name}"


def _member_name(member: Any) -> str:
    return f"{member.shard}:{member.key}"


def _folder(root: Path) -> tuple[Rows, Rows | None]:
    from nas.training.data.folder import folder, open_file

    train, labels, test, test_labels = folder(root)

    def rows(paths: list[Path], of: Labels) -> Rows:
        return partial(_of, open_file, paths), partial(_of, str, paths), of

    return rows(train, labels), rows(test, test_labels) if test is not None and test_labels is not None else None


def _torchvision(rest: str) -> tuple[Rows, Rows | None]:
    from nas.training.data.optional import torchvision_set

    name, _, root = rest.partition("@")
    train, test = torchvision_set(name, root)
    return _numbered(train, name), _numbered(test, name)


def _huggingface(rest: str) -> tuple[Rows, Rows | None]:
    from nas.training.data.optional import huggingface_set

    train, test = huggingface_set(rest)
    return _numbered(train, rest), None if test is None else _numbered(test, rest)


def _numbered(rows: tuple[Callable[[int], Any], Labels], name: str) -> Rows:
    return rows[0], partial(_numbered_name, name), rows[1]


def _webdataset(rest: str) -> tuple[Rows, Rows | None]:
    from nas.training.data.webdataset import open_member, shards

    def rows(pattern: str) -> Rows:
        members, labels = shards(pattern)
        return partial(_of, open_member, members), partial(_of, _member_name, members), labels

    train, _, test = rest.partition(",")
    return rows(train), rows(test) if test else None
