"""A user's own module from training to fine-tuning, from its import path alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

import nas
from nas.cli.main import main
from nas.training.api import continue_training
from search_spaces import SpaceError
from search_spaces.permits import VARIABLE

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(8, num_classes)
    def forward(self, x):
        return self.fc(self.body(x).flatten(1))
"""
QUICK = {"epochs": 1, "batch": 32}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """``own_job:Net`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delitem(sys.modules, "own_job", raising=False)
    Path("own_job.py").write_text(NET)
    return "own_job:Net"


def test_own_module_from_training_to_fine_tuning(
    mine: str, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of the data's size; later commands run elsewhere, and know the module by the record only."""
    job = nas.train_supernet(
        "sorted_net", npz, space_options={"model": mine}, sampler="sorted", out=tmp_path, name="net", **QUICK
    )
    options = json.loads((job.path / "train.json").read_text())["space_options"]
    assert (options["img_size"], options["in_chans"], options["num_classes"]) == (8, 1, 3)
    assert options["model"].startswith(f"{mine}@")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setenv(VARIABLE, "")
    sys.modules.pop("own_job", None)
    job.update(status="running")
    assert continue_training(job.path).document["status"] == "done"
    small, large = nas.evaluate(job.path, ["smallest", "largest"])
    assert small["macs"] < large["macs"]
    nas.extract(job.path, "smallest", "model")
    model = nas.load_model("model")
    assert sum(p.numel() for p in model.parameters()) == small["params"]
    tuned = nas.finetune("model", "digits", name="tuned", **QUICK)
    assert nas.load_model(tuned.path)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_the_command_line_takes_it(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is typed may be imported, and what may be typed is said."""
    given = ["--num-classes", "3", "--in-chans", "1", "--img-size", "8", "--option", f"model={mine}"]
    assert main(["spaces", "sorted_net", *given]) == 0
    out = capsys.readouterr().out
    assert f"model={mine}@" in out
    assert "mynets:make_net, of mynets.py in the current directory" in out
    assert main(["spaces", "sorted_net", *given[:-1], "model=own_absent:f"]) == 2
    assert "there is no module own_absent" in capsys.readouterr().err


def test_a_stranger_s_model_imports_nothing(mine: str, tmp_path: Path) -> None:
    document = {
        "space": "sorted_net", "config": {"widths": [4], "heads": [], "depths": []},
        "options": {"model": mine, "num_classes": 3, "in_chans": 1, "img_size": 8},
    }  # fmt: skip
    (tmp_path / "model.json").write_text(json.dumps(document))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(SpaceError, match="you have not named it yet"):
        nas.load_model(tmp_path)
    assert "own_job" not in sys.modules
