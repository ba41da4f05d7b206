"""A training whose loss is no number: on record, priced, continued. And settings that cannot be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.runs.trainings import list_trainings
from nas.sources import resolve
from nas.training import step
from nas.training.api import continue_training
from nas.training.errors import TrainingDiverged
from nas.training.logs import read

TINY: dict[str, Any] = {"epochs": 2, "batch": 54, "augment": "none"}
"""Three steps an epoch on the stripes."""


@pytest.mark.parametrize("whole", [True, False], ids=["supernet", "network"])
def test_a_diverged_training_is_on_record_and_continues(
    whole: bool, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, seen = step._loss, []

    def diverging(*arguments: Any) -> Any:
        seen.append(1)
        return loss(*arguments) * (float("nan") if len(seen) > 3 else 1)

    monkeypatch.setattr(step, "_loss", diverging)
    train: Any = nas.train_supernet if whole else nas.train
    name = "autoformer-small" if whole else "autoformer-small:smallest"
    with pytest.raises(TrainingDiverged, match=r"step 4:.*nas price .*diverged\.json") as caught:
        train(name, npz, out=tmp_path, name="job", **TINY)
    file = Path(caught.value.data["file"])
    assert caught.value.data["path"] == str(tmp_path / "job")
    space, architecture = resolve(str(file))
    assert space.contains(architecture)
    if whole:
        assert architecture.id == caught.value.data["architecture"]
    assert list_trainings(tmp_path)[0]["status"] == "diverged"
    monkeypatch.setattr(step, "_loss", loss)
    job = continue_training(tmp_path / "job")
    assert job.document["status"] == "done"
    assert [int(row["step"]) for row in read(job.path)] == list(range(1, 7))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epocs": 1}, "did you mean 'epochs'"),
        ({"epochs": "1"}, "epochs must be a number, such as 20, got '1'"),
        ({"batch": 1.5}, "batch must be a whole number"),
        ({"epochs": True}, "epochs must be a number"),
        ({"lr": None}, "lr must be a number, such as 0.002, got None"),
        ({"sampler": 3}, "sampler must be a text"),
    ],
)
def test_settings_that_cannot_be_right(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(nas.NasError) as caught:
        nas.train_supernet(out=tmp_path, **given)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_trainings_are_listed_from_their_documents(tmp_path: Path) -> None:
    judged = [{"name": "smallest", "part": "validation", "accuracy": 0.5},
              {"name": "largest", "part": "validation", "accuracy": 0.75}]  # fmt: skip
    document = {
        "kind": "supernet", "status": "done", "space": "autoformer-small", "data": "digits", "judged": judged,
        "facts": {"source": "digits"}, "settings": {"sampler": "soft", "epochs": 1, "seed": 0}, "created": "2026",
    }  # fmt: skip
    one = {**document, "kind": "network", "status": "running", "judged": [], "start": "x"}
    for name, text in (("a", json.dumps(document)), ("b", json.dumps(one)), ("c", "{"), ("d", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.json").write_text(text)
    rows = list_trainings(tmp_path)
    assert [(r["name"], r["kind"], r["status"], r["best"]) for r in rows] == [
        ("a", "supernet", "done", "75.00% (largest)"), ("b", "fine-tuning", "unfinished", None),
    ]  # fmt: skip
    assert rows[0]["what"] == "autoformer-small on digits, soft, 1 epoch"


@pytest.mark.parametrize("name", ["autoformer", "elasticvit-small", "asvit"])
def test_the_ends_of_a_space_have_names(name: str) -> None:
    space, smallest = resolve(f"{name}:smallest")
    largest = resolve(f"{name}:largest")[1]
    assert tuple(space.price_architecture(a)["macs"] for a in (smallest, largest)) == space.bounds("macs")
    with pytest.raises(nas.NasError, match="did you mean 'largest'"):
        resolve(f"{name}:largst")
