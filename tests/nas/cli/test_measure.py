"""``nas measure`` and ``nas profile --device`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.cli.main import main
from predictors.latency.measuring import Measurement

SMALL = "vit_resnas-small"


@pytest.fixture
def architecture(tmp_path: Path) -> str:
    import numpy as np

    from search_spaces import get_space

    space = get_space(SMALL)
    path = tmp_path / "net.json"
    path.write_text(space.decode(space.sample(1, np.random.default_rng(0))[0]).to_json())
    return str(path)


def test_measures_and_says_how_sure_it_is(architecture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", architecture, "--seconds", "0.3"]) == 0
    out = capsys.readouterr().out
    assert " ms (" in out
    assert "at 95 %" in out
    assert "cpu, torch, float32" in out


def test_json_is_the_record(architecture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", architecture, "--seconds", "0.2", "--batch", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    record = Measurement.from_json(json.dumps(document))
    assert record.batch == 2
    assert len(record.samples_ms) >= 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["measure", "timm:resnet18x"], "did you mean 'resnet18'"),
        (["measure", "elasticvit:S1", "--device", "tpu"], "unknown device"),
        (["measure", "elasticvit:S1", "--runtime", "tvm"], "unknown runtime"),
        (["measure", "elasticvit:S1", "--threads", "0"], "threads"),
        (["measure", "elasticvit:S1", "--seconds", "-1"], "--seconds"),
        (["profile", "--device", "cpu", "--minutes", "0", "--out", "x"], "--minutes"),
        (["profile", "--device", "cpu", "--runtime", "onnxruntime", "--out", "x"], "runtime"),
        (["profile", "--device", "cpu", "--out", "No Name"], "--out"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("command", [["measure", "elasticvit:S1"], ["profile", "--out", "x"]])
def test_cuda_without_a_gpu(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--device", "cuda"]) == 2
    assert "no CUDA GPU" in capsys.readouterr().err


def test_an_interrupted_profile_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("predictors.latency.profiling.profile_cpu", stopped)
    out = tmp_path / "here.json"
    assert main(["profile", "--device", "cpu", "--out", str(out)]) == 130
    assert "here.measurements.jsonl" in capsys.readouterr().err.replace("\n", "")
