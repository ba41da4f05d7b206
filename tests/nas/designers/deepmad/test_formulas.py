"""Golden values of the formulae: the published designs and the worked figures of the reference (section 2.6, 4.1)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nas.designers.deepmad import (
    RELEASED,
    RELEASED_WITH_BUG,
    SOUND,
    Conv,
    DesignError,
    Problem,
    Stage,
    Structure,
    evaluate,
    structure_from_json,
    structure_from_released,
)
from nas.designers.deepmad.families import block
from nas.designers.deepmad.heuristic import Evolution

# ruff: noqa: E501
# name, stem, (out, bottleneck, kernel, depth, stride)..., head | params, released FLOPs, score, score with the bug, rho
DESIGNS = {
    "R18-like": (
        ("resnet", 40, [(256, 64, 3, 2, 2), (360, 88, 3, 3, 2), (512, 128, 3, 6, 2), (512, 176, 3, 4, 2), (512, 176, 3, 12, 1)], None),
        (10369384, 1705271344, 21875.748841153003, 21875.748841153003, 0.20020063434704005),
    ),
    "R50-like": (
        ("resnet", 16, [(256, 64, 3, 6, 2), (360, 88, 3, 8, 2), (512, 176, 3, 7, 2), (720, 360, 3, 2, 2), (2896, 256, 3, 4, 1)], None),
        (18474592, 3674831048, 27407.556236191052, 27407.556236191052, 0.21707011663317685),
    ),
    "deepmad-29M-224": (
        ("mobilenet_se", 40, [(40, 240, 5, 2, 1), (85, 512, 5, 4, 2), (134, 800, 5, 6, 2), (201, 1208, 5, 6, 2), (312, 1872, 5, 5, 2)], 1792),
        (26876956, 4448877776, 19135.928285921356, 11915.370482986611, 0.49647882624973977),
    ),
    "deepmad-R18": (
        ("resnet", 32, [(96, 40, 5, 1, 2), (384, 40, 5, 6, 2), (384, 64, 5, 9, 2), (1024, 104, 3, 10, 1), (672, 104, 5, 12, 2)], None),
        (11153088, 1837323208, 32120.203451603797, 32120.203451603797, 0.2990955537315473),
    ),
    "deepmad-R50": (
        ("resnet", 32, [(128, 40, 5, 1, 2), (512, 48, 5, 11, 2), (872, 88, 5, 12, 2), (1024, 104, 5, 13, 1), (1232, 120, 5, 15, 2)], None),
        (24208144, 4087263656, 48919.27690537724, 48919.27690537724, 0.29975226791565335),
    ),
    "maedet_m": (
        ("resnet", 64, [(120, 64, 3, 2, 2), (512, 72, 5, 10, 2), (1632, 112, 5, 10, 2), (2048, 184, 5, 8, 2)], None),
        (25843536, 4420872120, 30986.22250961995, 30986.22250961995, 0.1531049842128492),
    ),
}  # fmt: skip


def build(family: str, stem: int, stages: list[tuple[int, int, int, int, int]], head: int | None) -> Structure:
    return Structure(family, Conv(stem, 3, 2), tuple(Stage(*s) for s in stages), Conv(head, 1, 1) if head else None)


@pytest.mark.parametrize("name", DESIGNS)
def test_published_designs(name: str) -> None:
    made, (params, flops, score, buggy, rho) = DESIGNS[name]
    found = evaluate(build(*made), RELEASED)
    assert (found.amounts["params"], found.amounts["released_flops"]) == (params, flops)
    assert found.score == pytest.approx(score, rel=1e-9)
    assert found.rho == pytest.approx(rho, rel=1e-9)
    assert evaluate(build(*made), RELEASED_WITH_BUG).score == pytest.approx(buggy, rel=1e-9)


def test_penalty_takes_the_last_three_depths_of_a_residual_net() -> None:
    assert evaluate(build(*DESIGNS["deepmad-R18"][0]), RELEASED).penalty == pytest.approx(34.80650247023763)
    assert evaluate(build(*DESIGNS["deepmad-29M-224"][0]), RELEASED).penalty == pytest.approx(44.66758396954901)


def test_effectiveness_of_resnet50() -> None:
    """ResNet-50 with its 7x7 stem and v1 strides: E = 155.2367, D = 49 (reference, section 2.6)."""
    stages = [(256, 64, 3, 3, 1), (512, 128, 3, 4, 2), (1024, 256, 3, 6, 2), (2048, 512, 3, 3, 2)]
    net = Structure("resnet", Conv(64, 7, 2), tuple(Stage(*s) for s in stages))
    last = evaluate(net, SOUND).stages[-1]
    assert last.depth == 49
    assert last.entropy == pytest.approx(155.2367, abs=5e-5)
    assert last.rho == pytest.approx(0.0868, abs=5e-5)


def test_sound_counting_includes_the_classifier() -> None:
    net = build(*DESIGNS["deepmad-R18"][0])
    assert evaluate(net, SOUND).amounts["params"] == 11153088 + 672 * 1000 + 1000


def test_amounts_are_affine_in_depth() -> None:
    """F_s, P_s and E_s of section 4.1, written out for the bottleneck."""
    cin, out, b, k, r = 96, 384, 40, 5, 56.0
    q = r / 2
    first = block("resnet", cin, out, b, k, r, 2, True)
    again = block("resnet", out, out, b, k, q, 1, False)
    flops = r * r * (cin * b + 3 * b + (b * b * k * k + 3 * b) / 4 + cin) + q * q * (b * out + cin * out + 6 * out)
    assert first[2] == flops
    assert again[2] == q * q * (2 * out * b + 6 * b + b * b * k * k + 3 * out)
    assert first[3] == cin * b + cin * out + b * out + b * b * k * k + 4 * b + 4 * out
    assert again[3] == 2 * out * b + b * b * k * k + 4 * b + 2 * out
    assert first[0] == pytest.approx(0.5 * math.log(cin) + math.log(b) + math.log(k))


def test_released_list_round_trip_and_broken_chain() -> None:
    rows = [
        {"class": "ConvKXBNRELU", "in": 3, "out": 32, "k": 3, "s": 2},
        {"class": "SuperResK1KXK1", "in": 32, "out": 96, "k": 5, "s": 2, "btn": 40, "L": 1},
        {"class": "SuperResK1KXK1", "in": 96, "out": 384, "k": 5, "s": 2, "btn": 40, "L": 6},
    ]
    net = structure_from_released(rows)
    assert structure_from_json(net.to_json()) == net
    with pytest.raises(DesignError, match="broken chain of widths: block 2 takes 95, block 1 gives 96"):
        structure_from_released([*rows[:2], {**rows[2], "in": 95}])


@pytest.mark.parametrize("family", ["resnet", "resnet_basic", "mobilenet", "mobilenet_se"])
def test_vectorised_pricing_equals_the_literal_evaluation(family: str) -> None:
    problem = Problem(family, {"macs": 1e9, "released_flops": 1e9, "params": 1e7}, 0.5)
    evolution = Evolution(problem, np.random.default_rng(1), size=8)
    for i, genes in enumerate(evolution.genes):
        found = problem.evaluate(evolution.structure(genes))
        assert evolution.scores.objective[i] == pytest.approx(found.objective, rel=1e-12)
        assert evolution.scores.values["rho"][i] == pytest.approx(found.rho, rel=1e-12)
        assert evolution.scores.values["macs"][i] == found.amounts["macs"]
