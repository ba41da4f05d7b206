"""``nas spaces``, ``price``, ``build``, ``export``: what an architecture costs, is, and looks like elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import nas
from search_spaces import get_space
from tests.nas.cli.conftest import Cli

RAW = {
    "T1": [128, [16, 24, 32, 64, 96, 176, 272], [1, 2, 3, 1, 1, 1, 1], [1, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3],
           [2, 2, 3, 4], [4, 6, 11, 17], [1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 2, 2]],
}  # fmt: skip


def test_spaces(cli: Cli) -> None:
    rows = cli("spaces", "--json").json
    assert {"elasticvit"} <= {row["name"] for row in rows}
    facts = cli("spaces", "elasticvit", "--img-size", "224", "--json").json
    assert facts["choices"]["resolution"] == [224]
    assert facts["released_field"] == "arch_raw"
    full = cli("spaces", "elasticvit", "--json").json
    assert int(full["size"]) == 21_672_453_419_827_200
    assert full["published"]["T1"]["params"] == get_space("elasticvit").price_architecture(
        get_space("elasticvit").published["T1"]
    )["params"]  # fmt: skip
    text = cli("spaces", "elasticvit").out
    for words in ("T4.width", "exact bounds", "published", "nas build elasticvit:T1"):
        assert words in text


def test_price_per_stage_adds_up(cli: Cli) -> None:
    facts = cli("price", "elasticvit:S1", "--json").json
    for count in ("macs", "params", "activations"):
        assert sum(stage[count] for stage in facts["stages"]) == facts[count]
    assert max(stage["memory"] for stage in facts["stages"]) == facts["memory"]
    assert facts["in_space"]
    text = cli("price", "elasticvit:S1").out
    assert "total" in text
    assert "by the paper's own counter" in text


def test_price_of_a_timm_model(cli: Cli) -> None:
    facts = cli("price", "timm:vit_tiny_patch16_224", "--json").json
    assert facts["params"] == 5_717_416
    unknown = cli("price", "timm:vit_tinny_patch16_224")
    assert unknown.code == 2
    assert "did you mean 'vit_tiny_patch16_224'?" in unknown.err


def test_price_of_released_encodings(cli: Cli, tmp_path: Path) -> None:
    items = [{"name": "a", "arch_raw": RAW["T1"]}, {"name": "b", "arch_raw": RAW["T1"], "resolution": 224}]
    (tmp_path / "r.json").write_text(json.dumps(items))
    rows = cli("price", "--space", "elasticvit", "--released", "r.json", "--json").json
    assert [row["name"] for row in rows] == ["a", "b"]
    assert all(list(r) == ["name", "macs", "params", "paper_count", "paper_params", "in_space"] for r in rows)
    space = get_space("elasticvit")
    assert rows[0]["macs"] == space.price_architecture(space.published["T1"])["macs"]
    assert rows[0]["paper_count"] == space.paper_count(space.published["T1"])
    assert rows[0]["paper_params"] is None
    assert rows[1]["macs"] > rows[0]["macs"]
    assert "yes" in cli("price", "--space", "elasticvit", "--released", "r.json").out


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[{", "is not JSON"),
        ("{}", "expected a list"),
        ("[3]", "item 0 needs a 'name'"),
        (json.dumps([{"name": "a", "arch_raw": RAW["T1"]}, {"name": "b"}]), "item 1 (b) needs 'arch_raw'"),
        (json.dumps([{"name": "c", "arch_raw": [1]}]), "item 0 (c): elasticvit"),
        (json.dumps([{"name": "c", "arch_raw": RAW["T1"], "resolution": "x"}]), "item 0 (c): resolution"),
        (json.dumps([{"name": "c", "arch_raw": RAW["T1"], "resolution": 130}]), "item 0 (c): elasticvit: resolution"),
        (json.dumps([{"name": "c", "arch_raw": [128, [None] * 7, *RAW["T1"][2:]]}]), "item 0 (c): elasticvit"),
    ],
)
def test_price_names_the_released_item_that_is_wrong(cli: Cli, tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "r.json").write_text(content)
    result = cli("price", "--space", "elasticvit", "--released", "r.json", "--json")
    assert (result.code, result.out) == (2, "")
    assert expected in result.err
    assert result.err.count("\n") == 1


def test_price_refuses_a_hundred_megabytes(cli: Cli, tmp_path: Path) -> None:
    with (tmp_path / "r.json").open("wb") as file:
        file.truncate(100_000_000)
    result = cli("price", "--space", "elasticvit", "--released", "r.json")
    assert result.code == 2
    assert "100,000,000 bytes" in result.err


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose batch statistics and weights are not those of a fresh one."""
    space = get_space("elasticvit", num_classes=10)
    architecture = space.published["min200"]
    model = space.model(architecture).train()
    with torch.no_grad():
        model(torch.randn(4, 3, model.img_size, model.img_size))
    return nas.save_model(model.eval(), architecture, tmp_path_factory.mktemp("saved") / "model")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(torch.linspace(-1, 1, 3 * 128 * 128).reshape(1, 3, 128, 128))


def test_build_writes_a_model_that_loads_with_the_same_logits(cli: Cli, saved: Path) -> None:
    result = cli("build", saved / "model.json", "--weights", saved / "model.safetensors", "--out", "copy")
    assert (result.code, result.err) == (0, "")
    assert "load it: nas.load_model('copy')" in result.out
    assert torch.equal(logits(nas.load_model("copy")), logits(nas.load_model(saved)))


def test_saved_size_is_params_plus_buffers(saved: Path) -> None:
    model = nas.load_model(saved)
    state = model.state_dict()
    tensors = sum(t.numel() * t.element_size() for t in {t.data_ptr(): t for t in state.values()}.values())
    facts = json.loads((saved / "model.json").read_text())
    assert facts["params"] == sum(p.numel() for p in model.parameters())
    assert abs((saved / "model.safetensors").stat().st_size - tensors) < 100 * len(state) + 10_000


def test_build_is_seeded(cli: Cli) -> None:
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert cli("build", "elasticvit:min200", "--out", folder, "--seed", seed, "--json").json["out"] == folder
    a, b, c = (logits(nas.load_model(folder)) for folder in "abc")
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_build_of_a_run_is_its_recommendation(cli: Cli, runs: tuple[Path, Path]) -> None:
    run = nas.load_run(runs[0])
    found = cli("build", runs[0], "--json").json
    assert found["id"] == run.front["id"].iloc[run.recommended]
    assert cli("build", f"{runs[0]}#1", "--json").json["id"] == run.front["id"].iloc[1]


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_checkpoints_of_training_scripts_load(cli: Cli, saved: Path, wrapper: str | None, tmp_path: Path) -> None:
    state = {f"module.{k}": v for k, v in nas.load_model(saved).state_dict().items()}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "checkpoint.pth")
    assert cli("build", saved, "--weights", "checkpoint.pth", "--out", "out").code == 0
    assert torch.equal(logits(nas.load_model("out")), logits(nas.load_model(saved)))


class Surprise:
    """What a stranger's file may hold."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("pwned"),))


def test_weights_that_do_not_fit_or_cannot_be_trusted(cli: Cli, saved: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": Surprise()}, tmp_path / "evil.pth")
    (tmp_path / "text.safetensors").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pth")
    cases = {
        "evil.pth": "cannot be read as weights", "text.safetensors": "cannot be read as weights",
        "list.pth": "no state dict", "none.pth": "is no file", str(saved / "model.safetensors"): "another architecture",
    }  # fmt: skip
    for file, expected in cases.items():
        result = cli("build", "elasticvit:T1", "--weights", file, "--out", "out")
        assert (result.code, result.out) == (2, "")
        assert expected in result.err
        assert result.err.count("\n") == 1
    assert not Path("pwned").exists()
    assert not Path("out").exists()


def test_export_state_dict_and_json(cli: Cli, saved: Path) -> None:
    assert cli("export", saved, "--format", "state-dict", "--out", "w.safetensors").code == 0
    assert cli("export", saved, "--format", "state-dict", "--out", "w.pth").code == 0
    assert cli("export", saved, "--format", "json", "--out", "a.json").code == 0
    for file in ("w.safetensors", "w.pth"):
        assert cli("build", "a.json", "--weights", file, "--out", "back").code == 0
        assert torch.equal(logits(nas.load_model("back")), logits(nas.load_model(saved)))


@pytest.mark.slow
@pytest.mark.parametrize(("format", "suffix", "batch"), [("onnx", "onnx", "batch"), ("torch-export", "pt2", 2)])
def test_export_of_what_can_be_run_agrees_with_the_module(
    cli: Cli, saved: Path, format: str, suffix: str, batch: str | int
) -> None:
    size = ["--dynamic"] if batch == "batch" else ["--batch", batch]
    result = cli("export", saved, "--format", format, "--out", f"deep/net.{suffix}", *size, "--json")
    assert result.code == 0, result.err
    assert result.json["max_difference"] <= 1e-4
    assert result.json["input_shape"] == [batch, 3, 128, 128]
    assert [p.name for p in Path("deep").iterdir()] == [f"net.{suffix}"]
    weights = (saved / "model.safetensors").stat().st_size
    assert weights * 0.9 < result.json["size_bytes"] < weights * 1.2


def test_an_export_that_disagrees_leaves_no_file(cli: Cli, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas import export

    def write(model: Any, architecture: Any, x: Any, dynamic: bool, path: Path) -> None:
        path.write_text("a graph")

    def run(path: Path, x: torch.Tensor) -> torch.Tensor:
        return logits_of(x) + 1e-3

    model = nas.load_model(saved)
    logits_of = lambda x: model(x).detach()  # noqa: E731
    monkeypatch.setitem(export.FORMATS, "torch-export", (write, run))
    result = cli("export", saved, "--format", "torch-export", "--out", "net.pt2")
    assert result.code == 1
    assert "differs from the model by 0.001" in result.err
    assert not list(Path().iterdir())


def test_export_bad_input(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases = [
        (["--format", "onxx", "--out", "x"], "did you mean 'onnx'"), (["--out", "."], "is a folder"),
        (["--out", "file/x.onnx"], "cannot be written"), (["--out", "x", "--batch", "0"], "batch"),
    ]  # fmt: skip
    for arguments, expected in cases:
        result = cli("export", "elasticvit:T1", *arguments)
        assert (result.code, result.out) == (2, "")
        assert expected in result.err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
