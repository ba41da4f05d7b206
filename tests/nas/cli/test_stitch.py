"""``nas stitch`` as a person uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.nas.cli.conftest import Cli
from tests.nas.stitching import LARGE, PAIR, SMALL

QUICK = ("--random-anchors", "--epochs", "1", "--num-images", "64")


def test_a_dry_run_and_what_follows_from_it(cli: Cli) -> None:
    found = cli("stitch", "--anchors", PAIR, *QUICK, "--prune", "--name", "run")
    assert found.code == 0, found.err
    assert "12 routes through" in found.out
    assert found.out.index("12 routes") < found.out.index("least squares on 64 images") < found.out.index("pruned: ")
    assert "Both have the trained weights" in found.out
    assert cli("build", "results/run#0", "--json").json["weights"] == "trained, of results/run"
    assert found.out.strip().endswith("results/run/report.html")
    extracted = cli("extract", "results/run/supernet", "results/run#0", "--out", "model", "--json")
    assert extracted.code == 0, extracted.err
    assert cli("evaluate", "results/run/supernet", "smallest").code == 0
    assert cli("build", "model", "--json").json["weights"].endswith("model.safetensors")
    assert cli("report", "results/run").code == 0
    assert "results/run/report.html" in cli("resume", "results/run").out
    assert "done" in cli("runs").out


def test_json_holds_every_route(cli: Cli) -> None:
    found = cli("stitch", "--anchors", PAIR, "--random-anchors", "--epochs", "0", "--two-way", "--json")
    assert found.code == 0, found.err
    document = found.json
    assert len(document["routes"]) == 14
    assert document["stitching"]["initial"]["fitted_on"] == 256
    assert {r["id"] for r in document["front"]} == {r["id"] for r in document["routes"] if r["front"]}
    assert "least squares on 256 images" in found.err


def test_without_weights_it_says_how_to_give_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    from search_spaces.stitching.anchors import anchor

    names = "deit_tiny_patch16_224", "deit_small_patch16_224"
    for name in names:
        anchor(name, 10, 1, 224)
    make = timm.create_model

    def offline(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise OSError("the hub cannot be reached\nsome trace")
        return make(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    found = cli("stitch", "--anchors", ",".join(names), "--img-size", "224")
    assert (found.code, found.err.count("\n")) == (2, 1)
    assert "(the hub cannot be reached): --anchor-weights FILE,FILE gives local weights" in found.err
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--anchors", SMALL, "--random-anchors"), "at least two anchors"),
        (("--anchors", "deit_tinny_patch16_224,deit_small_patch16_224"), "did you mean"),
        (("--anchors", f"{SMALL},{LARGE.replace('patch_size=4', 'patch_size=2')}", "--random-anchors"), "positions"),
        (("--anchors", PAIR, "--data", "nothing.npz"), "there is no file nothing.npz"),
        (("--anchors", PAIR, "--anchor-weights", "a.pth,b.pth"), "a.pth is no file of weights"),
        (("--anchors", PAIR, "--random-anchors", "--sampler", "rose"), "did you mean 'ros'"),
        (("--anchors", PAIR), "options of its own"),
        (("--anchors", PAIR, "--random-anchors", "--name", "a/b"), "run name"),
        (("--anchors", f"{SMALL},deit_base_patch16_384", "--random-anchors"), "made for images of 224 and 384 pixels"),
        (("--anchors", f"{SMALL},resnet18", "--random-anchors"), "they have 1 and 4 stages"),
        (("--anchors", f"{SMALL},{SMALL}"), "an anchor is named twice"),
        (("--anchors", PAIR, "--random-anchors", "--distillation", "hard", "--temperature", "2"), "hard has none"),
        ((), "Missing option '--anchors'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    found = cli("stitch", *arguments)
    assert found.code == 2
    assert found.err.count("\n") == 1
    assert said in found.err
