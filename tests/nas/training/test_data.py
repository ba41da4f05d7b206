"""Data sets: what they say of themselves, their batches, and every way in which they can be wrong."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nas.errors import NasError
from nas.training.augment import Augment, shift_and_flip
from nas.training.data import load_data
from nas.training.data.dataset import held_out, in_order
from nas.training.data.optional import _torchvision_part, rows_of
from nas.training.data.paths import from_anywhere
from nas.training.errors import DataError
from tests.nas.training.conftest import CLASSES, stripes, write_npz


def test_digits_are_embedded() -> None:
    data = load_data("digits")
    facts = data.facts
    assert (facts.num_classes, facts.in_chans, facts.side) == (10, 1, 8)
    assert facts.train + facts.validation + facts.test == 1797
    images, labels = next(data.train.batches([np.arange(64)]))
    assert images.shape == (64, 1, 8, 8)
    assert labels.tolist() == data.train.labels[:64].tolist()
    everything = torch.cat([x for x, _ in data.train.batches(in_order(facts.train, 256))])
    assert abs(float(everything.mean())) < 1e-3
    assert abs(float(everything.std()) - 1) < 1e-2


def test_held_out_images_are_of_every_class_and_never_trained_on() -> None:
    labels = np.repeat(np.arange(5), [3, 10, 20, 30, 2])
    kept, out = held_out(labels, 0.1)
    assert sorted([*kept, *out]) == list(range(len(labels)))
    assert set(labels[out]) == set(labels[kept]) == set(range(5))
    again = held_out(labels, 0.1)
    assert out.tolist() == again[1].tolist()
    with pytest.raises(DataError, match="no class has two images"):
        held_out(np.arange(3), 0.1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x_train": np.zeros((180, 8), np.uint8)}, "x_train has shape (180, 8), expected (N, H, W)"),
        ({"x_train": np.zeros((180, 8, 8, 2), np.uint8)}, "with 1 or 3 channels"),
        ({"x_train": np.full((180, 8, 8), np.nan)}, "not finite"),
        ({"x_train": np.zeros((180, 8, 8), np.int32)}, "expected uint8"),
        ({"y_train": np.zeros(170, int)}, "one per image"),
        ({"y_train": np.zeros(180)}, "expected integers"),
        ({"y_train": np.arange(180) % 2 * 2}, "no training image has 1; number classes 0 to 1 without gaps"),
        ({"y_train": np.zeros(180, int)}, "only one class"),
        ({"y_test": np.full(60, 7)}, "test label 7 is none of the training labels 0 to 2"),
        ({"x_test": np.zeros((60, 9, 9), np.uint8)}, "training and test images differ"),
    ],
)
def test_npz_says_what_is_wrong(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as error:
        load_data(str(write_npz(tmp_path / "bad.npz", **changed)))
    assert words in str(error.value)


def test_npz_without_an_array_and_no_npz_at_all(tmp_path: Path) -> None:
    np.savez(tmp_path / "part.npz", x_train=np.zeros((4, 8, 8)))
    with pytest.raises(DataError, match=r"has no 'y_train', 'x_test', 'y_test' \(it holds x_train\)"):
        load_data(str(tmp_path / "part.npz"))
    for text in ("hello", ""):  # numpy would advise to unpickle the one, and raises EOFError at the other
        (tmp_path / "text.npz").write_text(text)
        with pytest.raises(DataError, match=r"cannot be read as \.npz") as error:
            load_data(str(tmp_path / "text.npz"))
        assert "pickle" not in str(error.value)
    with pytest.raises(DataError, match=r"there is no file .*none\.npz"):
        load_data(str(tmp_path / "none.npz"))
    np.savez(tmp_path / "pickled.npz", x_train=np.array([{}], dtype=object))
    with pytest.raises(DataError):
        load_data(str(tmp_path / "pickled.npz"))


@pytest.mark.parametrize(
    "source", ["", "dijits", "no/such/folder", "hf:nothing", "torchvision:CIFAR", "webdataset:no-*.tar"]
)
def test_unknown_sources_say_what_could_be_written(source: str) -> None:
    with pytest.raises(NasError) as error:
        load_data(source)
    assert len(str(error.value)) < 3000
    expected = {"": "names no data set", "dijits": "digits, FILE.npz", "no/such/folder": "there is no such folder",
                "hf:nothing": "datasets", "torchvision:CIFAR": "did you mean 'CIFAR10",
                "webdataset:no-*.tar": "no shard matches"}  # fmt: skip
    assert expected[source] in str(error.value)


def pictures(root: Path, count: int = 24) -> Path:
    """The stripes as an image folder."""
    for part, seed in (("train", 0), ("test", 1)):
        images, labels = stripes(count, seed)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = root / part / f"class{label}" / f"{i:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((40, 36)).save(path)
    return root


def test_image_folder(tmp_path: Path) -> None:
    data = load_data(str(pictures(tmp_path)), side=32, augment="none")
    assert (data.facts.num_classes, data.facts.in_chans, data.facts.test) == (CLASSES, 1, 24)
    (images, labels), *_ = data.test.batches(in_order(24, 10))
    assert images.shape == (10, 1, 32, 32)
    assert labels.tolist() == data.test.labels[:10].tolist()


def test_augmentation_depends_on_the_seed_only(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    once, workers = (load_data(str(root), side=64, augment="strong", workers=w) for w in (0, 2))
    rows, seeds = [np.arange(8), np.arange(8, 12)], [3, 4]
    first, again, by_workers = (
        torch.cat([x for x, _ in d.train.batches(r, s)])
        for d, r, s in ((once, rows, seeds), (once, rows, seeds), (workers, rows, seeds))
    )
    assert torch.equal(first, again)
    assert torch.equal(first, by_workers)
    other = torch.cat([x for x, _ in once.train.batches(rows, [5, 6])])
    assert not torch.equal(first, other)


def test_unreadable_images_are_counted_named_and_skipped(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    broken = root / "test" / "class0" / "000.png"
    broken.write_bytes(b"no image")
    split: Any = load_data(str(root), side=32).test
    for images, _ in split.batches(in_order(24, 8)):
        assert torch.isfinite(images).all()
    assert list(split.unreadable.values()) == [str(broken)]


def test_too_many_unreadable_images_are_refused(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    for path in sorted((root / "test").rglob("*.png"))[:12]:
        path.write_bytes(b"no image")
    split = load_data(str(root), side=32).test
    with pytest.raises(DataError, match=r"images cannot be read, the first is .*000\.png"):
        list(split.batches(in_order(24, 24)))


def test_folder_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected one for each class"):
        load_data(str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="holds no image"):
        load_data(str(tmp_path))
    root = pictures(tmp_path / "pictures")
    (root / "train" / "zebra").mkdir()
    with pytest.raises(DataError, match=r"train/zebra holds no image; every folder in .*train is a class"):
        load_data(str(root))


def shard(path: Path, count: int = 24, with_labels: bool = True, folder: str = "", label: str = "{}") -> Path:
    images, labels = stripes(count, 0)
    written = label
    with tarfile.open(path, "w") as tar:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            files = {"png": buffer.getvalue()} | ({"cls": written.format(label).encode()} if with_labels else {})
            for suffix, content in files.items():
                info = tarfile.TarInfo(f"{folder}{path.stem}-{i:04}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def test_webdataset_shards(tmp_path: Path) -> None:
    for number in (0, 1):
        shard(tmp_path / f"train-{number}.tar")
    data = load_data(f"webdataset:{tmp_path}/train-*.tar", side=16, augment="none")
    assert data.facts.train + data.facts.validation + data.facts.test == 48
    images, labels = next(data.train.batches([np.array([5, 0])]))
    assert images.shape == (2, 1, 16, 16)
    assert labels.tolist() == data.train.labels[[5, 0]].tolist()
    with pytest.raises(DataError, match="has no label"):
        load_data(f"webdataset:{shard(tmp_path / 'bare.tar', with_labels=False)}")


def test_shards_as_others_write_them(tmp_path: Path) -> None:
    """Ranges in braces, names that begin with ./ as tar writes a folder, and what a shard cannot be."""
    for number in (0, 1):
        shard(tmp_path / f"train-{number:03}.tar", folder="./a.b/")
    facts = load_data(f"webdataset:{tmp_path}/train-{{000..001}}.tar", side=16).facts
    assert facts.train + facts.validation + facts.test == 48
    with pytest.raises(DataError, match=r"no shard matches .*train-002\.tar"):
        load_data(f"webdataset:{tmp_path}/train-{{000..002}}.tar")
    with pytest.raises(DataError, match="stands for more than 100,000 shards"):
        load_data(f"webdataset:{tmp_path}/train-{{0..999999999}}{{9..0}}.tar")
    with pytest.raises(DataError, match=r"0000\.cls holds 'dog0', expected a class number from 0"):
        load_data(f"webdataset:{shard(tmp_path / 'dogs.tar', label='dog{}')}")
    (tmp_path / "packed.tar").write_bytes(gzip.compress((tmp_path / "train-000.tar").read_bytes()))
    with pytest.raises(DataError, match="is no uncompressed tar file"):
        load_data(f"webdataset:{tmp_path / 'packed.tar'}")


class ValOnly:
    """A torchvision data set that calls its second part ``val``, as Imagenette and ImageNet do."""

    def __init__(self, root: str, split: str, download: bool = False) -> None:
        if split not in ("train", "val"):
            raise ValueError(f"Unknown value {split!r} for argument split")
        if "offline" in root:
            raise OSError("no network")
        self.targets = [0, 1] if split == "train" else [1]


def test_torchvision_sets_that_have_no_test_split() -> None:
    assert _torchvision_part(ValOnly, "X", Path("x"), train=False)[1].tolist() == [1]
    with pytest.raises(DataError, match="torchvision:X cannot be had in offline: no network"):
        _torchvision_part(ValOnly, "X", Path("offline"), train=False)


class Table:
    """What a Hugging Face data set offers of a split."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns, self.column_names = columns, list(columns)

    def __getitem__(self, key: Any) -> Any:
        return self._columns[key] if isinstance(key, str) else {n: c[key] for n, c in self._columns.items()}


def test_hugging_face_columns() -> None:
    images = [Image.new("L", (8, 8), i) for i in range(4)]
    train, test = rows_of({"train": Table({"img": images, "label": [0, 1, 0, 1]})}, "x")
    assert test is None
    assert train[0](2) is images[2]
    assert train[1].tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="has no label column"):
        rows_of({"train": Table({"img": images})}, "x")
    with pytest.raises(DataError, match="no split 'train'"):
        rows_of({"all": Table({})}, "x")


def test_shift_moves_every_image_on_its_own_and_keeps_its_values() -> None:
    images = torch.arange(4 * 64.0).view(4, 1, 8, 8)
    out = shift_and_flip(images, Augment(0.25, True), torch.Generator().manual_seed(0))
    assert out.shape == images.shape
    for i in range(4):
        assert set(out[i].flatten().tolist()) <= set(images[i].flatten().tolist())
    assert not torch.equal(out, images)
    assert torch.equal(shift_and_flip(images, Augment(), torch.Generator()), images)


def test_a_source_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is resumed from another folder, and a worker of Ray has one of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.npz").touch()
    here = str(tmp_path)
    assert from_anywhere("few.npz") == f"{here}/few.npz"
    assert from_anywhere("webdataset:a-*.tar,b.tar") == f"webdataset:{here}/a-*.tar,{here}/b.tar"
    assert from_anywhere("torchvision:SVHN@few") == f"torchvision:SVHN@{here}/few"
    for same in ("", "digits", "timm:resnet50", "torchvision:SVHN", "hf:mnist", "webdataset:/d/a.tar"):
        assert from_anywhere(same) == same
