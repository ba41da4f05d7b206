"""The convnet space keeps the contract in every family and holds the published figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import SearchSpace, SpaceError, UnknownName, convnet, get_space, trace
from search_spaces.convnet import ConvNet
from search_spaces.convnet.families import FAMILIES
from search_spaces.convnet.grids import GRIDS, FamilyGrid, StageGrid
from search_spaces.testing import SpaceContract

KEPT = (0, 3, 4)


def _reduced(grid: FamilyGrid) -> FamilyGrid:
    """Three stages, each of two widths (overlapping with the next's), two inner widths and at most two blocks."""
    stages = (grid.stages[i] for i in KEPT)
    return replace(
        grid, strides=tuple(grid.strides[i] for i in KEPT),
        stages=tuple(StageGrid(s.width[:3:2], s.inner[:2], s.kernel[:2], (1, 2)) for s in stages),
    )  # fmt: skip


class Small(ConvNet):
    """The same space on a grid whose supernet a test can afford."""

    grids = {name: _reduced(grid) for name, grid in GRIDS.items()}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small run twice as fast on one thread, and leave the other core to others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class _Contract(SpaceContract):
    """Everything that holds for every space, at 64 pixels and with few examples."""

    family: str
    genomes, tables, modules, subnets = 60, 8, 1, 1
    bad_options = ({"num_classes": -1}, {"in_chans": 0}, {"family": "resnext"})

    def make_space(self, **options: Any) -> SearchSpace:
        return Small(**({"family": self.family, "img_size": 64} | options))


class TestResnet(_Contract):
    family = "resnet"


class TestBasic(_Contract):
    family = "basic"


class TestMobilenet(_Contract):
    family = "mobilenet"


class TestMobilenetSE(_Contract):
    family = "mobilenet_se"


@pytest.fixture(scope="module")
def space() -> ConvNet:
    return ConvNet()


# Facts of the structures in DeepMAD's repository (commit 8ccaf88), by an evaluator that agrees with the released
# classes to 1e-15: parameters without and with the classifier, FLOPs by the released counter.
FIGURES = {
    "R18-like": (10_369_384, 10_882_384, 1_705_271_344),
    "R50-like": (18_474_592, 21_371_592, 3_674_831_048),
    "deepmad-29M-224": (26_876_956, 28_669_956, 4_448_877_776),
    "deepmad-R18": (11_153_088, 11_826_088, 1_837_323_208),
    "deepmad-R50": (24_208_144, 25_441_144, 4_087_263_656),
    "maedet_l": (43_879_552, 46_280_552, 7_512_161_580),
    "maedet_m": (25_843_536, 27_892_536, 4_420_872_120),
    "maedet_s": (21_233_120, 23_282_120, 2_394_002_800),
}


@pytest.mark.parametrize("name", FIGURES)
def test_published_figures(space: ConvNet, name: str) -> None:
    """The released counting to the integer, and the true parameters; whatever family the space searches."""
    bare, params, flops = FIGURES[name]
    architecture = space.published[name]
    assert space.paper_params(architecture) == bare
    assert space.paper_count(architecture) == flops
    assert space.operators(architecture).params[0] == params
    assert architecture == ConvNet(family="mobilenet").published[name]


@pytest.mark.parametrize("name", ["deepmad-R18", "deepmad-29M-224", "maedet_s"])
def test_published_tables_equal_modules(space: ConvNet, name: str) -> None:
    """Five and four stages, with and without SE and head: everything agrees, stage by stage and role by role."""
    architecture = space.published[name]
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table = space.operators(architecture)
    assert traced.stages == table.stages
    assert traced.memory_bytes == table.memory_bytes
    for column in ("stage", "role"):
        for i in range(len(table.stages) if column == "stage" else 4):
            a, b = (t.select(t[column] == i) for t in (traced, table))
            assert (a.macs[0], a.activations[0]) == (b.macs[0], b.activations[0]), (column, i)
    assert traced.params == table.params


@pytest.mark.parametrize("family", FAMILIES)
def test_the_searched_grid(family: str) -> None:
    """A random network of the full grid: decoded and encoded, priced by look-up, table and module."""
    space = get_space("convnet", family=family)
    genome = space.sample(1, np.random.default_rng(3))[0]
    architecture = space.decode(genome)
    assert np.array_equal(space.encode(architecture), genome)
    widths = [s["out"] for s in architecture.config["stages"]]
    assert widths == sorted(widths)
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table, price = space.operators(architecture), space.price(genome[None])
    for quantity in ("macs", "params", "memory_bytes"):
        assert getattr(traced, quantity)[0] == getattr(table, quantity)[0]
    assert (price["macs"][0], price["params"][0]) == (table.macs[0], table.params[0])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_many_architectures_agree(family: str) -> None:
    """Table equals module for 50 random architectures of the full grid, at odd sides too."""
    for side in (200, 224):
        space = ConvNet(family=family, img_size=side)
        for genome in space.sample(25, np.random.default_rng(2)):
            architecture = space.decode(genome)
            with torch.device("meta"):
                traced = trace(space.model(architecture))
            table = space.operators(architecture)
            for quantity in ("macs", "params", "activations", "memory_bytes"):
                assert getattr(traced, quantity)[0] == getattr(table, quantity)[0], architecture.to_json()


def test_odd_structures_agree(space: ConvNet) -> None:
    """Off every grid: two stages, an odd side, an even more odd width, equal widths across a stride."""
    stages = [
        {"out": 9, "bottleneck": 18, "kernel": 3, "depth": 2, "stride": 2},
        {"out": 9, "bottleneck": 20, "kernel": 7, "depth": 1, "stride": 2},
    ]
    for family in FAMILIES:
        for head in (None, {"out": 11, "kernel": 1, "stride": 1}):
            stem = {"out": 9, "kernel": 5, "stride": 1}
            config = {"family": family, "resolution": 37, "stem": stem, "stages": stages, "head": head}
            architecture = space.architecture(config)
            with torch.device("meta"):
                traced = trace(space.model(architecture))
            table = space.operators(architecture)
            for quantity in ("macs", "params", "activations", "memory_bytes"):
                assert getattr(traced, quantity)[0] == getattr(table, quantity)[0], (family, quantity)


def test_a_structure_without_family_is_of_the_space() -> None:
    """The designer's form has no resolution; ``resnet_basic`` is read as ``basic``."""
    small = ConvNet(family="mobilenet_se", img_size=96)
    stem = {"out": 16, "kernel": 3, "stride": 2}
    stage = {"out": 24, "bottleneck": 48, "kernel": 3, "depth": 1, "stride": 2}
    config = small.architecture({"stem": stem, "stages": [stage]}).config
    assert (config["family"], config["resolution"], config["head"]) == ("mobilenet_se", 96, None)
    renamed = small.architecture({"family": "resnet_basic", "stem": stem, "stages": [stage]})
    assert renamed.config["family"] == "basic"
    assert not small.contains(renamed)


def _broken(space: ConvNet) -> list[tuple[str, Any]]:
    config = space.published["deepmad-29M-224"].config
    stages = config["stages"]
    return [
        ("broken chain", {**config, "stages": [stages[0], {**stages[1], "in": 48}, *stages[2:]]}),
        ("broken chain", {**config, "head": {**config["head"], "in": 300}}),
        ("did you mean 'resnet'", {**config, "family": "resnt"}),
        (r"stages\[0\].kernel must be an odd", {**config, "stages": [{**stages[0], "kernel": 4}]}),
        (r"stages\[0\].stride must be", {**config, "stages": [{**stages[0], "stride": 3}]}),
        ("head must be a 1x1", {**config, "head": {**config["head"], "kernel": 3}}),
        ("stages must be a list", {**config, "stages": []}),
        ("unknown keys", {**config, "tail": None}),
        ("resolution must be", {**config, "resolution": 0}),
    ]


def test_bad_structures_are_explained(space: ConvNet) -> None:
    """One line that names the field."""
    for message, config in _broken(space):
        with pytest.raises(SpaceError, match=message) as error:
            space.architecture(config)
        assert "\n" not in str(error.value)
    config = space.published["deepmad-29M-224"].config
    chained = [{**s, "in": i} for s, i in zip(config["stages"], (40, 40, 85, 134, 201), strict=True)]
    assert space.architecture({**config, "stages": chained}) == space.published["deepmad-29M-224"]


def _released(space: ConvNet) -> list[dict[str, Any]]:
    raw = json.loads((Path(convnet.__file__).parent / "published.json").read_text())["deepmad-29M-224"]
    assert space.from_released(raw) == space.published["deepmad-29M-224"]
    return raw


def test_released_lists_are_checked(space: ConvNet) -> None:
    """Chain of widths, classes, keys, order."""
    raw = _released(space)
    for message, bad in (
        ("broken chain", [*raw[:2], {**raw[2], "in": 41}, *raw[3:]]),
        ("class must be one of", [raw[0], {**raw[1], "class": "SuperResKX"}]),
        ("with the keys class", [raw[0], {k: v for k, v in raw[1].items() if k != "btn"}]),
        ("super-blocks of one class", [raw[0], raw[1], {**raw[2], "class": "SuperResK1KXK1"}]),
        ("super-blocks of one class", [raw[1], raw[2]]),
        ("super-blocks of one class", [raw[0], raw[-1], raw[1]]),
    ):
        with pytest.raises(SpaceError, match=message):
            space.from_released(bad)
    assert space.from_released(raw, 288).config["resolution"] == 288


def test_off_the_grid_says_why(space: ConvNet) -> None:
    """Published designs lie off the grid; the message names what differs."""
    for name, message in (("deepmad-29M-224", "family = resnet"), ("maedet_s", "strides"), ("deepmad-R50", "S3.width")):
        assert not space.contains(space.published[name])
        with pytest.raises(SpaceError, match=message):
            space.encode(space.published[name])


def test_supernet_names_what_does_not_fit() -> None:
    space = Small(family="mobilenet", img_size=64)
    config = space.decode(space.cardinalities - 1).config
    with torch.device("meta"):
        supernet: Any = space.supernet()
    supernet.activate(space.architecture({**config, "stem": {**config["stem"], "out": 17}}))
    for message, bad in (
        (r"stages\[2\].depth is 9", {**config, "stages": [*config["stages"][:2], {**config["stages"][2], "depth": 9}]}),
        ("family, head and strides", {**config, "head": None}),
    ):
        with pytest.raises(SpaceError, match=message):
            supernet.activate(space.architecture(bad))


def test_bad_options() -> None:
    for option in ({"family": "vit"}, {"family": 3}, {"img_size": 8}, {"img_size": 224.0}):
        with pytest.raises(SpaceError):
            ConvNet(**option)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="convnet"):
        get_space("convnets")
