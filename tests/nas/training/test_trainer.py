"""The trainer: it learns, it continues exactly, it stops at what is no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas.training.checkpoint import load, save
from nas.training.data import Data
from nas.training.errors import TrainingDiverged
from nas.training.group import Group
from nas.training.order import batches, per_epoch
from nas.training.samplers import SAMPLERS, make_sampler
from nas.training.settings import Settings
from nas.training.trainer import Progress, Trainer
from search_spaces import SearchSpace


def trainer(space: SearchSpace, data: Data, sampler: str = "uniform", teacher: Any = None, **settings: Any) -> Trainer:
    chosen = Settings(**{"epochs": 2, "batch": 16, "ema": 0.9, "lr": 3e-3, "sampler": sampler, **settings})
    torch.manual_seed(chosen.seed)
    return Trainer(space.supernet(), data, chosen, make_sampler(sampler, space), teacher=teacher)


def losses(run: Trainer, until: int | None = None) -> list[float]:
    found: list[Progress] = []
    run.run(found.append, until=until)
    return [p.loss for p in found]


def test_a_supernet_learns(space: SearchSpace, data: Data) -> None:
    found = losses(trainer(space, data, "soft", epochs=2, warmup=0.5))
    assert len(found) == 2 * (144 // 16)
    assert np.mean(found[-3:]) < 0.7 * np.mean(found[:3])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_continued_training_has_the_same_loss_curve(
    name: str, space: SearchSpace, data: Data, tmp_path: Path
) -> None:
    extra: dict[str, Any] = {"mixup": 0.2, "cutmix": 0.2} if name == "elasticvit" else {}
    extra |= {"batch": 8}
    whole = trainer(space, data, name, **extra)
    expected = losses(whole, until=5)
    first = trainer(space, data, name, **extra)
    got = losses(first, until=3)
    save(first.checkpoint(), tmp_path)
    torch.rand(3)
    second = trainer(space, data, name, seed=0, **extra)
    second.restore(load(tmp_path))
    got += losses(second, until=5)
    assert got == pytest.approx(expected, rel=1e-6)
    for name_, tensor in whole.average.tensors.items():
        assert torch.allclose(tensor, second.average.tensors[name_], atol=1e-6)


def test_batch_norms_and_precision_survive_a_continuation(elastic: SearchSpace, data: Data, tmp_path: Path) -> None:
    whole = trainer(elastic, data, precision="bf16", clip="agc:0.1")
    expected = losses(whole, until=3)
    first = trainer(elastic, data, precision="bf16", clip="agc:0.1")
    losses(first, until=2)
    save(first.checkpoint(), tmp_path)
    second = trainer(elastic, data, precision="bf16", clip="agc:0.1")
    second.restore(load(tmp_path))
    assert losses(second, until=3) == pytest.approx(expected[2:], rel=1e-4)
    for name, tensor in whole.model.state_dict().items():
        assert torch.allclose(tensor.float(), second.model.state_dict()[name].float(), atol=1e-4), name


def test_training_leaves_the_callers_generators_alone(space: SearchSpace, data: Data) -> None:
    run = trainer(space, data)
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    losses(run, until=2)
    assert torch.equal(torch.rand(2), expected)


def test_images_of_a_step_depend_on_seed_epoch_and_step_only(data: Data) -> None:
    steps = per_epoch(144, 16)
    source = batches(data.train, 16, 3, 0, Group())
    seen = [next(source) for _ in range(steps + 3)]
    later = batches(data.train, 16, 3, steps + 1, Group())
    assert torch.equal(next(later)[0], seen[steps + 1][0])
    labels = torch.cat([y for _, y in seen[:steps]])
    assert sorted(labels.tolist()) == sorted(data.train.labels.tolist())


def test_two_workers_share_a_batch(data: Data) -> None:
    whole, parts = Group(), [Group(), Group()]
    for rank, part in enumerate(parts):
        part.rank, part.world = rank, 2
    one = next(batches(data.train, 16, 0, 0, whole))[1]
    two = [next(batches(data.train, 16, 0, 0, part))[1] for part in parts]
    assert torch.equal(torch.stack(two, 1).flatten(), one)


def test_no_number_stops_the_training_naming_step_and_subnet(space: SearchSpace, data: Data) -> None:
    run = trainer(space, data)
    losses(run, until=2)
    with torch.no_grad():
        next(iter(run.model.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"step 3: the loss of subnet [0-9a-f]{12} is nan") as error:
        losses(run)
    assert error.value.data["step"] == 3


def test_a_teacher_replaces_the_labels(space: SearchSpace, data: Data) -> None:
    """One that always says class 0 is believed."""

    def teacher(x: torch.Tensor) -> torch.Tensor:
        return torch.eye(3)[torch.zeros(len(x), dtype=torch.long)]

    run = trainer(space, data, teacher=teacher, epochs=2)
    losses(run)
    run.model.eval()
    images, _ = next(data.test.batches([np.arange(30)]))
    assert (run.model(images).argmax(1) == 0).all()


def test_single_network_at_its_own_size(elastic: SearchSpace, data: Data) -> None:
    from nas.training.samplers.extremes import smallest

    model: Any = elastic.model(smallest(elastic))
    seen: list[Any] = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[-1]))
    run = Trainer(model, data, Settings(epochs=1, batch=16))
    losses(run, until=2)
    assert set(seen) == {model.img_size}


def test_norms_and_position_biases_are_not_decayed(elastic: SearchSpace, data: Data) -> None:
    run = trainer(elastic, data)
    decayed = {id(p) for g in run._optimiser.param_groups if g["weight_decay"] for p in g["params"]}
    for name, parameter in run.model.named_parameters():
        assert (id(parameter) in decayed) == (parameter.dim() > 1 and "position_bias" not in name), name
