"""Features: totals that the operator table knows too, shapes of known blocks, tiles by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictors.latency.features import FEATURES, INDEX, SUMS, features, select
from predictors.latency.units import FUSIONS, Fusion, segment
from search_spaces import get_space
from search_spaces.operators import Kind, OperatorTable, TableBuilder


def network() -> OperatorTable:
    space = get_space("elasticvit")
    return space.operators(space.published["S1"])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_sums_add_up_to_the_tables_totals(fusion: Fusion) -> None:
    table = network()
    x = features(segment(table, fusion))
    assert x[:, INDEX["macs"]].sum() == table.macs[0]
    classes = [n for n in FEATURES if n.startswith("macs_") and n.split("_")[-1].isalpha()]
    assert select(x, classes).sum() == table.macs[0]
    assert (x >= 0).all()
    assert np.isfinite(x).all()


def test_sums_do_not_depend_on_the_fusion() -> None:
    table = network()
    kernels, *others = (select(features(segment(table, f)), list(SUMS)).sum(axis=0) for f in FUSIONS)
    for other in others:
        np.testing.assert_allclose(kernels, other)


def test_a_linear_layer_by_hand() -> None:
    b = TableBuilder(1, ["all"])
    b.linear(20, 10, 3)
    x = dict(zip(FEATURES, features(segment(b.table(), "kernels"))[0], strict=True))
    assert x["macs_linear"] == 20 * 10 * 9
    assert x["weights"] == 4 * 200
    assert x["moved"] == 4 * 9 * 30
    assert x["macs_positions_4"] == 20 * 10 * 12
    assert x["macs_channels_8"] == 20 * 16 * 9
    assert x["macs_linear_6x8"] == 20 * 16 * 12
    assert x["macs_linear_6x16"] == 20 * 16 * 12
    assert x["macs_matmul_6x8"] == 0
    assert (x["positions_in"], x["c_in"], x["c_out"], x["c_inner"]) == (9, 20, 10, 10)
    assert x["intensity"] == pytest.approx(1800 / (800 + 1080))


def test_shapes_of_attention_and_of_one_position() -> None:
    b = TableBuilder(1, ["all"])
    b.linear(32, 96, 7)
    b.attention(4, 8, 16, 49, held=1)
    x = features(segment(b.table(), "kernels"))
    assert select(x[1:], ["heads", "qk_width", "v_width"]).tolist() == [[4, 8, 16]]
    assert x[1, INDEX["moved_softmax"]] == 2 * 4 * 4 * 49 * 49
    b = TableBuilder(1, ["all"])
    b.linear(32, 10)
    x = features(segment(b.table(), "kernels"))
    assert (x[0, INDEX["macs_vector"]], x[0, INDEX["macs_linear"]]) == (320, 0)


def test_gates_and_depthwise_convolutions_are_seen() -> None:
    x = features(segment(network(), "blocks"))
    gated = x[:, INDEX["c_gate"]] > 0
    assert gated.any()
    assert not gated.all()
    assert (x[gated, INDEX["c_gate"]] * 4 == x[gated, INDEX["c_inner"]]).all()
    assert (x[gated, INDEX["group_width"]] == 1).all()


def test_batch_norms_are_free() -> None:
    def moved(norm: bool) -> float:
        b = TableBuilder(1, ["all"])
        b.conv(8, 8, 3, 8, 8)
        if norm:
            b.pointwise(Kind.BATCH_NORM, 8, 8)
        return float(features(segment(b.table(), "kernels"))[0, INDEX["moved"]])

    assert moved(True) == moved(False)


def test_an_empty_table_has_no_features() -> None:
    assert features(segment(TableBuilder(2, ["all"]).table(), "blocks")).shape == (0, len(FEATURES))
