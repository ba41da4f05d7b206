"""Judgements, channel sorting, checkpoints on the disk, settings, teachers."""

from __future__ import annotations

import csv
import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from nas.errors import NasError, RunFailed
from nas.training.checkpoint import FILE, Checkpoint, load, save
from nas.training.data import Data
from nas.training.errors import CheckpointError
from nas.training.job import FIELDS
from nas.training.judge import Judge, at_size
from nas.training.logs import Log, read
from nas.training.samplers.extremes import largest, smallest
from nas.training.settings import Settings
from nas.training.sorting import sort_channels
from nas.training.teacher import Teacher, check_teacher, make_teacher
from nas.training.trainer import Progress
from nas.weights import save_model
from search_spaces import SearchSpace, get_space
from search_spaces.modules.calibration import batch_norms


def test_a_judgement_does_not_depend_on_what_was_judged_before(elastic: SearchSpace, data: Data) -> None:
    torch.manual_seed(0)
    supernet: Any = elastic.supernet()
    before = {name: t.clone() for name, t in supernet.state_dict().items()}
    judge = Judge(data, 64)
    alone = judge.subnet(supernet, smallest(elastic))[1]
    judge.subnet(supernet, largest(elastic))
    supernet.activate(largest(elastic))
    assert judge.subnet(supernet, smallest(elastic))[1] == alone
    assert (alone.images, alone.calibrated) == (36, 64)
    assert all(torch.equal(t, before[name]) for name, t in supernet.state_dict().items())


def test_statistics_are_the_plain_average_over_the_calibration_images(elastic: SearchSpace, data: Data) -> None:
    supernet: Any = elastic.supernet()
    for norm in batch_norms(supernet):
        norm.running_mean.fill_(1e3)  # type: ignore[union-attr,operator]
    module, _ = Judge(data, 128).subnet(supernet, smallest(elastic))
    norms = batch_norms(module)
    assert all(int(norm.num_batches_tracked) == 2 for norm in norms)  # type: ignore[arg-type]
    assert all(float(norm.running_mean.abs().max()) < 1e2 for norm in norms)  # type: ignore[union-attr,operator]


def test_no_statistics_no_calibration(space: SearchSpace, data: Data) -> None:
    assert Judge(data, 64).subnet(space.supernet(), smallest(space))[1].calibrated == 0


def test_sorting_changes_no_output_and_puts_the_important_first(elastic: SearchSpace) -> None:
    torch.manual_seed(0)
    supernet: Any = elastic.supernet()
    supernet.activate(largest(elastic))
    supernet.eval()
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        expected = supernet(images)
        assert sort_channels(supernet.full) > 0
        assert torch.allclose(supernet(images), expected, atol=1e-4)
    mlp = supernet.full.T1.layers[0].mlp
    importance = mlp[0].weight.abs().sum(1) + mlp[0].bias.abs() + mlp[2].weight.abs().sum(0)
    assert (importance.diff() <= 1e-5).all()


@pytest.mark.parametrize("name", ["autoformer-small", "vit_resnas-small"])
def test_heads_are_sorted_too(name: str) -> None:
    torch.manual_seed(0)
    space = get_space(name, num_classes=3, in_chans=1)
    supernet: Any = space.supernet()
    for parameter in supernet.parameters():
        nn.init.normal_(parameter, std=0.1)
    supernet.activate(largest(space))
    attention = next(m for m in supernet.full.modules() if hasattr(m, "qkv"))
    before, images = attention.qkv.weight.clone(), torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        expected = supernet.eval()(images)
        sort_channels(supernet.full)
        assert torch.allclose(supernet(images), expected, atol=1e-4)
    assert not torch.equal(attention.qkv.weight, before)
    per_head = [t.abs().sum() for t in attention.qkv.weight.chunk(attention.heads)]
    columns = attention.proj.weight.abs().sum(0).chunk(attention.heads)
    biases = attention.qkv.bias.abs().chunk(attention.heads)
    total = torch.stack([w + c.sum() + b.sum() for w, c, b in zip(per_head, columns, biases, strict=True)])
    assert (total.diff() <= 1e-3).all()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    save(Checkpoint(3, {"model/a": torch.ones(2)}, {"sampler": {}}), tmp_path)
    whole = safetensors.torch.save_file

    def full(tensors: Any, filename: str, metadata: Any = None) -> None:
        whole(tensors, filename, metadata)
        Path(filename).write_bytes(Path(filename).read_bytes()[:40])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*the one before is intact") as error:
        save(Checkpoint(4, {"model/a": torch.zeros(2)}, {}), tmp_path)
    assert isinstance(error.value, RunFailed)  # exit code 1, and how to continue
    assert error.value.data["path"] == str(tmp_path)
    assert load(tmp_path).step == 3
    assert [p.name for p in tmp_path.iterdir()] == [FILE]
    (tmp_path / "other").touch()
    assert (tmp_path / FILE).stat().st_mode == (tmp_path / "other").stat().st_mode  # a colleague may read it


def test_the_log_on_a_full_disk(tmp_path: Path) -> None:
    first = Progress(1, 9, 0, 2.5, 1e-3, 100.0, ("a",))
    log = Log(tmp_path, 0)
    log.step(first)
    log._file.close()
    log._file = Path("/dev/full").open("a")  # noqa: SIM115
    log._writer = csv.writer(log._file)
    with pytest.raises(RunFailed, match=r"log\.csv cannot be written \(No space left on device\)"):
        log.step(replace(first, step=2))
    log.close()
    Log(tmp_path, 1).close()
    assert [row["step"] for row in read(tmp_path)] == ["1"]
    assert not (tmp_path / "log.tmp").exists()


def test_a_saved_model_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: SearchSpace) -> None:
    import safetensors.torch

    def full(model: nn.Module, filename: str, metadata: Any = None) -> None:
        Path(filename).write_bytes(b"part")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_model", full)
    with pytest.raises(NasError, match=r"cannot be written: .*No space left on device"):
        save_model(nn.Linear(2, 2), smallest(space), tmp_path)
    assert not list(tmp_path.iterdir())


def test_damaged_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no checkpoint"):
        load(tmp_path)
    save(Checkpoint(3, {"model/a": torch.ones(2)}, {}), tmp_path)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="damaged"):
        load(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(1, {"model/weight": torch.ones(2, 2), "model/bias": torch.ones(2)}, {})
    with pytest.raises(CheckpointError, match="1 differ, such as weight"):
        checkpoint.fill(nn.Linear(3, 2), "model/")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"epochs": 0}, "epochs must be above 0"), ({"ema": 1.0}, "ema must be from 0 to below 1"),
        ({"batch": 1}, "batch at least 2"), ({"clip": "hard"}, "write none, norm:1.0"),
        ({"clip": "norm:-1"}, "write none"),
        ({"precision": "fp8"}, "unknown precision"), ({"augment": "stong"}, "did you mean 'strong'"),
    ],
)  # fmt: skip
def test_settings_are_checked(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(NasError, match=words):
        Settings(**wrong)
    assert Settings.from_dict(Settings(seed=4).to_dict()) == Settings(seed=4)
    with pytest.raises(NasError, match="did you mean 'epochs'"):
        Settings.from_dict({"epoch": 3})


class Colour(nn.Module):
    """Tells classes from 16 x 16 colour images from 0 to 1."""

    pretrained_cfg = {"input_size": (3, 16, 16), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1:] == (3, 16, 16)
        self.seen = x
        return torch.stack([x.mean((1, 2, 3)) * k for k in range(3)], 1)


def test_a_teacher_sees_images_as_it_was_trained(data: Data) -> None:
    model = Colour()
    teacher = Teacher(model, data.facts, 1.0, torch.device("cpu"))
    images, _ = next(data.test.batches([np.arange(8)]))
    probabilities = teacher(images)
    assert torch.allclose(probabilities.sum(1), torch.ones(8))
    pixels = images * data.facts.std[0] + data.facts.mean[0]
    assert float((model.seen.mean() - pixels.mean()).abs()) < 1e-2


def test_a_saved_teacher_sees_images_as_model_json_says(space: SearchSpace, data: Data, tmp_path: Path) -> None:
    model: Any = space.model(smallest(space)).eval()
    save_model(model, smallest(space), tmp_path, {"mean": list(data.facts.mean), "std": list(data.facts.std)})
    images, _ = next(data.test.batches([np.arange(8)]))
    expected, cpu = model(at_size(model, images)).softmax(1), torch.device("cpu")
    assert torch.allclose(make_teacher(str(tmp_path), data.facts, 1.0, cpu)(images), expected, atol=1e-4)
    (tmp_path / "model.json").unlink()
    save_model(model, smallest(space), tmp_path)  # as 'nas build --out' writes it: normalised for colours
    assert make_teacher(str(tmp_path), data.facts, 1.0, cpu)(images).shape == expected.shape


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timm:resnet5O", "unknown timm model"),
        ("timm:resnet50", "tells 1000 classes apart, .* has 3; 'nas train' or 'nas finetune' a teacher"),
        ("no/folder", "neither timm:NAME nor a folder"),
    ],
)
def test_teachers_that_do_not_fit_are_told_before_any_weights_are_read(text: str, words: str, data: Data) -> None:
    with pytest.raises(NasError, match=words):
        check_teacher(text, data.facts)


def test_a_supernet_is_no_teacher(data: Data, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps(dict.fromkeys(FIELDS) | {"format": 1}))
    with pytest.raises(NasError, match="is a supernet; take one network out of it: nas extract"):
        check_teacher(str(tmp_path), data.facts)
