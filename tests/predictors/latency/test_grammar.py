"""The key grammar of nn-Meter's block tables: shapes of the blocks, and every key of the phone table."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from predictors.latency import MeasurementError
from predictors.latency.features import INDEX, features, select
from predictors.latency.grammar import BLOCKS, block_table, parse
from predictors.latency.tables import read_csv
from predictors.latency.units import whole

DATA = Path(os.environ.get("NAS_DATA", Path(__file__).parents[4] / "shared" / "data"))
PHONES = DATA / "phone_block_latency.csv.gz"
needs_data = pytest.mark.skipif(not PHONES.exists(), reason=f"{PHONES} is absent")

MACS = {
    "firstconv_224_3_16_2_3": 27 * 16 * 112**2,
    "conv_56_16_24_4_2_hard_swish_5_nose": (16 * 64) * 56**2 + (25 * 64 + 64 * 24 + 16 * 24) * 28**2,
    "conv_28_24_24_3_1_hard_swish_3_se": (24 * 72 + 9 * 72 + 72 * 24) * 28**2 + 2 * 72 * 18,
    "conv_112_16_16_1_1_hard_swish_3_nose": (9 * 16 + 16 * 16) * 112**2,
    "transds_14_96_192_2_6": (96 * 576) * 14**2 + (9 * 576 + 576 * 192 + 96 * 192) * 7**2 + 2 * 576 * 144,
    "transattn_7_88_hard_swish_2_ln": (88 * 4 * 80 + 160 * 88) * 49 + 5 * (16 + 32) * 49**2,
    "transffn_7_96_4_hard_swish_ln": 8 * 96 * 96 * 49,
    "mbpool_4_160_1984_6_hard_swish": 160 * 960 * 16 + 960 * 1984,
}


@pytest.mark.parametrize("key", MACS)
def test_macs_of_a_block_by_hand(key: str) -> None:
    assert block_table([key]).macs.tolist() == [MACS[key]]


def test_a_batch_is_its_keys_one_by_one() -> None:
    table = block_table(list(MACS))
    assert table.macs.tolist() == list(MACS.values())
    units = whole(table)
    assert units.arch.tolist() == list(range(len(MACS)))
    kinds = [units.kinds[k] for k in units.kind]
    assert kinds == ["conv", *["mbconv"] * 4, "attention", "ffn", "head"]
    alone = np.concatenate([features(whole(block_table([key]))) for key in MACS])
    np.testing.assert_array_equal(features(units), alone)


def test_a_strided_block_without_a_change_of_width_has_no_shortcut() -> None:
    with_it, without = (block_table([f"conv_28_24_{c}_3_2_hard_swish_3_nose"]) for c in (32, 24))
    pooled, bare = (features(whole(t))[0, INDEX["moved_pool"]] for t in (with_it, without))
    assert (pooled > 0, bare) == (True, 0)


def test_heads_are_those_that_fit_the_width() -> None:
    x = features(whole(block_table(["transattn_7_80_hard_swish_3_ln", "transattn_7_88_hard_swish_3_ln"])))
    assert select(x, ["heads", "qk_width", "v_width"]).tolist() == [[5, 16, 48]] * 2


MALFORMED = {
    "resnet_7_88": "no block of nn-meter-blocks",
    "": "no block of nn-meter-blocks",
    "conv_28_24_24_3_1_hard_swish_3": "expected conv_SIDE_CIN_COUT_EXPAND_STRIDE_hard_swish_KERNEL_se|nose",
    "conv_28_24_24_3_1_relu_3_se": "expected conv_SIDE",
    "transds_14_96_192_2": "expected transds_SIDE_CIN_COUT_STRIDE_EXPAND",
    "transattn_07_88_hard_swish_2_ln": "expected transattn_SIDE",
    "transattn_-7_88_hard_swish_2_ln": "expected transattn_SIDE",
    "transffn_7_96_4_hard_swish_ln ": "expected transffn_SIDE",
    "mbpool_4_160_198400_6_hard_swish": "a number above 100,000",
    "transds_" + "9" * 500: "...'",
}


@pytest.mark.parametrize("key", MALFORMED)
def test_a_malformed_key_is_refused_with_the_form(key: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse(key)
    assert MALFORMED[key] in str(caught.value)
    assert len(str(caught.value)) < 200


@needs_data
def test_every_key_of_the_phone_table_is_read() -> None:
    with gzip.open(PHONES, "rt") as stream:
        keys = sorted({row["key"] for row in csv.DictReader(stream)})
    table = block_table(keys)
    assert table.size == len(keys) == 7335
    assert (table.macs > 0).all()
    assert len(whole(table)) == len(keys)
    assert {parse(k)["block"] for k in keys} == set(BLOCKS)
    assert len(read_csv(PHONES).rows) == 22_005
