"""Units: every row in exactly one, cut where a runtime cuts, none across an architecture or a stage."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from predictors.latency.units import FUSIONS, Fusion, Units, segment
from search_spaces import SearchSpace, get_space, list_spaces
from search_spaces.errors import UnknownName
from search_spaces.operators import Kind, OperatorTable, TableBuilder

QUICK = ("elasticvit", "convnet")
SPACES = [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in list_spaces() if n not in QUICK)]


@cache
def space_of(name: str) -> SearchSpace:
    """Compiled once: nothing here changes a space."""
    return get_space(name)


def kinds(units: Units) -> list[str]:
    return [units.kinds[k] for k in units.kind]


def population(name: str, n: int) -> OperatorTable:
    """The whole table of ``n`` sampled architectures, part by part, as a batch."""
    space = space_of(name)
    values = space.values(space.sample(n, np.random.default_rng(0)))
    builder = TableBuilder(n, [s.name for s in space.stages])
    for stage in space.stages:
        builder.enter(stage.name)
        for part in stage.parts:
            part.operators(builder, {g: values[g] for g in part.genes})
    return builder.table()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("name", SPACES)
def test_units_partition_the_rows_and_cross_nothing(name: str, fusion: Fusion) -> None:
    table = population(name, 7)
    units = segment(table, fusion)
    assert sorted(units.rows) == list(range(len(table)))
    assert units.start[0] == 0
    assert (np.diff(units.start) > 0).all()
    for column, of_unit in (("arch", units.arch), ("stage", units.stage)):
        assert (units.column(column) == of_unit[units.unit_of_row]).all()
    assert (np.diff(units.arch) >= 0).all()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("name", SPACES)
def test_a_part_alone_has_the_units_it_has_in_the_whole(name: str, fusion: Fusion) -> None:
    """What makes look-ups exact: the units of an architecture are those of its parts, one behind the other."""
    space = space_of(name)
    genome = space.sample(1, np.random.default_rng(1))
    values = space.values(genome)
    whole, parts = TableBuilder(1, [s.name for s in space.stages]), []
    for stage in space.stages:
        whole.enter(stage.name)
        for part in stage.parts:
            own = TableBuilder(1, whole.stages)
            for builder in (whole, own):
                builder.enter(stage.name)
                part.operators(builder, {g: values[g] for g in part.genes})
            parts.append(segment(own.table(), fusion))
    assert kinds(segment(whole.table(), fusion)) == [kind for p in parts for kind in kinds(p)]


def test_elasticvit_blocks_are_the_papers_blocks() -> None:
    space = space_of("elasticvit")
    found = segment(space.operators(space.published["T1"]), "blocks")
    per_stage = {
        stage: [k for k, s in zip(kinds(found), found.stage, strict=True) if found.table.stages[s] == stage]
        for stage in found.table.stages
    }
    assert per_stage["stem"] == ["conv", "mbconv"]
    assert set(per_stage["C1"]) == set(per_stage["C2"]) == {"mbconv"}
    for stage in ("T1", "T2", "T3", "T4"):
        assert per_stage[stage][0] == "mbconv"
        assert per_stage[stage][1:] == ["attention", "ffn"] * (len(per_stage[stage]) // 2)
    assert per_stage["head"] == ["head", "linear"]


def test_kernels_fold_norm_activation_and_sum_and_keep_attention_whole() -> None:
    b = TableBuilder(1, ["all"])
    b.conv(3, 8, 3, 32, 16, stride=2)
    b.pointwise(Kind.BATCH_NORM, 8, 16)
    b.pointwise(Kind.ACTIVATION, 8, 16, function="relu")
    b.conv(8, 8, 3, 16, 16, groups=8)
    b.pointwise(Kind.ADD, 8, 16)
    b.pointwise(Kind.LAYER_NORM, 8, 16)
    b.linear(8, 24, 16)
    b.attention(2, 4, 4, 256, bias_params=7)
    b.pointwise(Kind.ACTIVATION, 8, 16, function="gelu")
    b.linear(8, 8, 16)
    b.pointwise(Kind.ADD, 8, 16)
    b.pointwise(Kind.MUL, 4, 16)
    units = segment(b.table(), "kernels")
    expected = ["conv", "dwconv", "norm", "linear", "attention", "elementwise", "linear", "elementwise"]
    assert kinds(units) == expected
    assert np.diff(units.start, append=len(units.rows)).tolist() == [3, 2, 1, 1, 4, 1, 2, 1]


def test_products_of_activations_without_softmax_are_no_attention() -> None:
    b = TableBuilder(1, ["all"])
    b.add(Kind.MATMUL, c_in=8, c_out=8, h_in=4, h_out=4)
    b.add(Kind.MATMUL, c_in=8, c_out=8, h_in=4, h_out=4)
    assert kinds(segment(b.table(), "kernels")) == ["matmul", "matmul"]


def test_empty_tables_and_unknown_fusions() -> None:
    empty = TableBuilder(3, ["all"]).table()
    assert [len(segment(empty, f)) for f in FUSIONS] == [0] * len(FUSIONS)
    with pytest.raises(UnknownName, match="did you mean 'blocks'"):
        segment(empty, "block")  # type: ignore[arg-type]
