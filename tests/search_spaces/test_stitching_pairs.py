"""Any pair of anchors: routes, order and figures of ``nas price --space stitching`` are those of the rules.

The rules are written a second time in ``stitching_rules``; the papers' own lists, where ``shared/cases`` lies beside
the checkout, are compared row by row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas.cli.main import main
from search_spaces.stitching import Stitching
from search_spaces.stitching.listing import listing
from search_spaces.tracing import trace
from tests.search_spaces.stitching_rules import figures, network, rows

TINY = "vit_tiny_patch16_224?embed_dim={}&depth={}"
QUICK = [
    ("vit", "v1", f"{TINY.format(96, 3)},{TINY.format(192, 3)}"),
    ("vit", "v1", f"{TINY.format(96, 5)},{TINY.format(192, 7)}"),
    ("vit", "v2", f"{TINY.format(96, 3)},{TINY.format(192, 3)},{TINY.format(384, 6)}"),
    ("vit", "v2", f"{TINY.format(96, 4)},{TINY.format(192, 7)}"),
    ("vit", "v1", "deit_tiny_distilled_patch16_224,deit_small_distilled_patch16_224"),
    ("levit", "v1", "levit_128s,levit_256"),
    ("resnet", "v1", "resnet18,resnet34"),
]
MANY = [
    ("vit", "v2", f"{TINY.format(96, 4)},{TINY.format(192, 12)}"),
    ("vit", "v1", "deit_tiny_patch16_224,deit_small_patch16_224,deit_base_patch16_224"),
    ("vit", "v2", "deit_small_patch16_224,deit_base_patch16_224"),
    ("vit", "v2", "deit3_small_patch16_224,deit3_medium_patch16_224,deit3_base_patch16_224"),
    ("vit", "v2", "deit3_base_patch16_224,deit3_large_patch16_224"),
    ("vit", "v1", "deit3_small_patch16_224,deit3_large_patch16_224"),
    ("vit", "v1", "vit_tiny_patch16_224,vit_small_patch16_224"),
    ("vit", "v1", "vit_small_patch16_224,vit_base_patch16_224,vit_large_patch16_224"),
    ("vit", "v2", "vit_small_patch16_224,vit_base_patch16_224,vit_large_patch16_224"),
    ("vit", "v2", "deit3_large_patch16_224,vit_large_patch16_224"),
    ("vit", "v2", "deit3_small_patch16_224,vit_small_patch16_36x1_224"),
    ("vit", "v2", "vit_small_patch16_224,vit_small_patch16_18x2_224"),
    ("vit", "v2", "vit_large_patch14_224,vit_huge_patch14_224"),
    ("vit", "v1", "vit_large_patch14_224,vit_huge_patch14_224"),
    ("vit", "v1", "deit_small_distilled_patch16_224,deit_base_distilled_patch16_224"),
    ("swin", "v1", "swin_tiny_patch4_window7_224,swin_base_patch4_window7_224"),
    ("swin", "v1", "swin_tiny_patch4_window7_224,swin_small_patch4_window7_224,swin_base_patch4_window7_224"),
    ("swin", "v1", "swin_base_patch4_window7_224,swin_large_patch4_window7_224"),
    ("levit", "v1", "levit_192,levit_384"),
    ("levit", "v1", "levit_128s,levit_128,levit_192,levit_256,levit_384"),
    ("levit", "v1", "levit_conv_192,levit_conv_256"),
    ("resnet", "v1", "resnet34,resnet50"),
    ("resnet", "v1", "resnet50,resnet101,resnet152"),
    ("resnet", "v1", "resnet18d,resnet50d"),
    ("resnet", "v1", "resnet50,wide_resnet50_2"),
    ("resnet", "v1", "seresnet50,seresnet101"),
]


def agrees(family: str, rule: str, anchors: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row of the command's list, and two routes drawn at random as modules."""
    assert main(["price", "--space", "stitching", "--anchors", anchors, "--rule", rule, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    networks = [network(name, family, 1000, 224) for name in anchors.split(",")]
    expected = rows([n.depths for n in networks], family, rule)
    assert [(r["type"], r["path"], r["stitches"]) for r in listed] == [(k, p, s) for k, p, _, s in expected]
    for number, (row, found) in enumerate(zip(expected, listed, strict=True)):
        assert found["id"] == number
        assert found["stage"] == (row[2] if family != "vit" else None)
        wanted = figures(networks, row, family, rule)
        assert {name: found[name] for name in wanted} == wanted, row
    space, drawn = Stitching(anchors=anchors, rule=rule), np.random.default_rng(len(listed))
    for number in drawn.choice(np.arange(len(networks), len(listed)), 2, replace=False):
        with torch.device("meta"):
            module = space.model(space.of_route(space.routes[int(number)]))
        traced = trace(module, input_size=(3, 224, 224))
        assert (traced.macs[0], traced.params[0]) == (listed[number]["macs"], listed[number]["params"])


@pytest.mark.parametrize(("family", "rule", "anchors"), QUICK)
def test_a_pair_follows_the_rules(family: str, rule: str, anchors: str, capsys: pytest.CaptureFixture[str]) -> None:
    agrees(family, rule, anchors, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "rule", "anchors"), MANY)
def test_many_pairs_follow_the_rules(family: str, rule: str, anchors: str, capsys: pytest.CaptureFixture[str]) -> None:
    agrees(family, rule, anchors, capsys)


# ---- the papers' lists ---------------------------------------------------------------------------------------------

CASES = Path(__file__).parents[3] / "shared" / "cases" / "stitching.json"
NAMES = {
    "DeiT-Ti": "deit_tiny_patch16_224", "DeiT-S": "deit_small_patch16_224", "DeiT-B": "deit_base_patch16_224",
    "Swin-Ti": "swin_tiny_patch4_window7_224", "Swin-S": "swin_small_patch4_window7_224",
    "Swin-B": "swin_base_patch4_window7_224", "ResNet-18": "resnet18", "ResNet-50": "resnet50",
    "DeiT3-S": "deit3_small_patch16_224", "DeiT3-L": "deit3_large_patch16_224",
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> Any:
    """The released evaluation files as JSON."""
    if not CASES.is_file():
        pytest.skip(f"{CASES} is not here")
    return json.loads(CASES.read_text())


@pytest.mark.parametrize("name", ["snnet_v1_deit_ti_s_b", "snnet_v1_swin_ti_s_b", "snnet_v1_resnet18_50"])
def test_the_first_papers_lists(name: str, cases: Any) -> None:
    """Order, stitches, shared layers as released, FLOPs and parameters of every row."""
    published = cases[name]["rows"]
    anchors = list(dict.fromkeys(a for row in published for a in row["anchors"]))
    found = listing(Stitching(anchors=",".join(NAMES[a] for a in anchors), released=True))
    assert len(found) == len(published)
    for row, ours in zip(published, found, strict=True):
        assert [anchors[a] for a in ours["path"]] == row["anchors"]
        assert (ours["id"], ours["paper_count"]) == (row["id"], row["flops"])
        stitched = row["stitch"] is not None
        assert ours["stitches"] == ([row["stitch"]] if stitched else None)
        assert ours["layers"] == ([row["stitch_layer"]] if stitched else None)
        assert ours["stage"] == row.get("stage")
        assert ours["paper_params"] == row.get("params", ours["paper_params"])


def test_the_second_papers_list(cases: Any) -> None:
    """All 135 rows."""
    known = cases["snnet_v2_deit3_s_l"]
    found = listing(Stitching(anchors=",".join(NAMES[a] for a in known["anchors"]), rule="v2"))
    fields = ("id", "type", "path", "stitches", "used")
    assert [[r[f] for f in fields] for r in found] == [[r[f] for f in fields] for r in known["rows"]]
    assert [r["paper_count"] for r in found] == [r["flops"] for r in known["rows"]]
