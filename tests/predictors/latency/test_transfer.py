"""Few shots: a slower relative of a known device is learnt from a handful of measurements."""

from __future__ import annotations

import numpy as np
import pytest

from predictors.latency import MeasurementError, load_profile
from predictors.latency.costing import OTHER
from predictors.latency.evidence import unit_costs
from predictors.latency.fitting import fit_models
from predictors.latency.importing import adapt_profile, read_measured
from predictors.latency.tables import read_csv
from predictors.latency.transfer import closest, transfer
from tests.predictors.latency.test_fitting import measured
from tests.predictors.latency.test_grammar import PHONES, needs_data
from tests.predictors.latency.toy import profile


def test_a_device_twice_as_slow() -> None:
    known, _ = measured(200)
    few, _ = measured(30, seed=2, slower=2.0)
    rest, _ = measured(200, seed=3, slower=2.0)
    source = fit_models(known, trees=False)
    found = unit_costs(transfer(source, few), rest)
    assert np.abs(found / rest.cost - 1).mean() < 0.06
    assert np.abs(unit_costs(source, rest) / rest.cost - 1).mean() > 0.4


def test_kinds_not_among_the_few_take_the_typical_ratio() -> None:
    known, _ = measured(200)
    few, _ = measured(40, seed=2, slower=2.0)
    source = fit_models(known, trees=False)
    adapted = transfer(source, few.of(few.kind == "ffn"))
    rest, _ = measured(50, seed=3)
    attention = rest.of(rest.kind == "attention")
    ratio = unit_costs(adapted, attention) / unit_costs(source, attention)
    assert np.ptp(ratio) < 1e-9
    assert ratio[0] == pytest.approx(2, rel=0.1)
    others = adapted.models[OTHER].cost(rest.x) / source.models[OTHER].cost(rest.x)
    np.testing.assert_allclose(others, ratio[0])


def test_too_few_measurements_and_no_source() -> None:
    few, names = measured(9)
    with pytest.raises(MeasurementError, match="9 measurements are too few"):
        closest([profile()], few, np.array(names))
    more, names = measured(20)
    with pytest.raises(MeasurementError, match="no profile of blocks to start from"):
        closest([], more, np.array(names))


@needs_data
def test_a_phone_from_another_with_a_hundred_measurements() -> None:
    """The phone's own profile is not used; at least 85 % of its other rows are within 10 %."""
    table = read_csv(PHONES).where("device", "pixel6")
    rows = read_measured(table, "nn-meter-blocks")
    data = rows.measurements()
    few = np.isin(np.arange(len(data)), np.random.default_rng(0).permutation(len(data))[:100])
    adapted = transfer(load_profile("xiaomi11").latency, data.of(few))
    error = np.abs(unit_costs(adapted, data.of(~few)) / data.of(~few).cost - 1)
    assert (error <= 0.1).mean() > 0.85


@needs_data
def test_an_adapted_profile_names_its_source() -> None:
    table = read_csv(PHONES).where("device", "pixel4")
    rows = type(table)(table.path, table.header, table.rows[::100], table.lines[::100])
    made = adapt_profile(read_measured(rows, "nn-meter-blocks"), load_profile("pixel6"), "mine", "Mine")
    assert (made.source, made.runtime["adapted_from"]) == ("few-shot", "pixel6")
    assert made.evidence["measurements"] == 74
    assert made.latency.models["ffn"].sigma > load_profile("pixel6").latency.models["ffn"].sigma
    with pytest.raises(MeasurementError, match="toy is of kernels, the table of blocks"):
        adapt_profile(read_measured(rows, "nn-meter-blocks"), profile("kernels"), "mine", "Mine")
