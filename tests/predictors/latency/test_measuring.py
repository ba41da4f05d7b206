"""Measuring: intervals of medians, records, clocks, settings that cannot be had."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from predictors.latency.errors import MeasurementError
from predictors.latency.measuring import Measurement, Setting, input_size, measure
from predictors.latency.measuring.clocks import CpuClock
from predictors.latency.measuring.neighbours import Snapshot
from predictors.latency.measuring.session import _Samples, _warnings, warm_up
from predictors.latency.measuring.statistics import half_width, interval_rank, is_bimodal, median_interval, trend
from search_spaces.errors import UnknownName

TINY = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))


@pytest.fixture(scope="module")
def tiny() -> nn.Module:
    TINY(torch.zeros(1, 3, 16, 16))
    return TINY


@pytest.fixture(scope="module")
def record(tiny: nn.Module) -> Measurement:
    return measure(tiny, name="tiny", size=(3, 16, 16), time_cap_s=0.3)


def test_median_interval_covers_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    draws = rng.lognormal(0, 0.5, (2000, 25))
    inside = [low <= 1.0 <= high for _, low, high in map(median_interval, draws)]
    assert 0.94 < np.mean(inside) < 0.985  # the median of this distribution is 1; 25 samples allow 95.7 %


@pytest.mark.parametrize(("n", "rank"), [(5, 0), (6, 0), (10, 1), (25, 7), (100, 39)])
def test_interval_ranks_are_those_of_the_binomial_table(n: int, rank: int) -> None:
    assert interval_rank(n) == rank


def test_half_width_needs_six_samples_and_shrinks() -> None:
    assert half_width([1.0] * 5) == np.inf
    rng = np.random.default_rng(1)
    assert half_width(rng.normal(10, 1, 400)) < half_width(rng.normal(10, 1, 20))


def test_two_modes_and_trends_are_told_from_noise() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(10, 0.2, 60)
    assert not is_bimodal(noise)
    assert is_bimodal(np.where(np.arange(60) % 3 == 0, 14.0, 10.0) + rng.normal(0, 0.1, 60))
    assert trend(noise) == 0
    assert trend(noise + np.linspace(0, 2, 60)) == pytest.approx(0.13, abs=0.04)


def test_a_record_survives_json_and_keeps_every_repeat(record: Measurement) -> None:
    assert Measurement.from_json(record.to_json()) == record
    assert len(record.samples_ms) == len(record.processor_ms) >= 10
    assert record.low_ms <= record.latency_ms <= record.high_ms
    assert record.hardware["cores"] >= 1
    assert record.software["torch"] == torch.__version__.partition("+")[0] or "+" in torch.__version__
    assert len(record.reference_ms) >= 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latency_ms", -1.0), ("samples_ms", []), ("samples_ms", ["1"]), ("batch", 0), ("device", 3), ("format", 2),
        ("disturbance", {"steal": "much"}), ("confidence", 1.5), ("hardware", []), ("threads", True),
    ],
)  # fmt: skip
def test_a_broken_record_names_its_field(record: Measurement, field: str, value: Any) -> None:
    document = json.loads(record.to_json()) | {field: value}
    with pytest.raises(MeasurementError, match=field):
        Measurement.from_json(json.dumps(document))


def test_truncated_and_incomplete_records_are_refused(record: Measurement) -> None:
    with pytest.raises(MeasurementError, match="not JSON"):
        Measurement.from_json(record.to_json()[:50])
    document = json.loads(record.to_json())
    del document["runtime"]
    with pytest.raises(MeasurementError, match="runtime"):
        Measurement.from_json(json.dumps(document))


def test_processor_time_leaves_out_what_the_thread_did_not_run() -> None:
    import time

    wall, own = CpuClock(1).time(lambda: time.sleep(0.03))
    assert wall >= 30
    assert own is not None
    assert own < 10
    assert CpuClock(2).time(lambda: None)[1] is None


def test_repeats_that_lost_their_core_do_not_make_the_median() -> None:
    samples = _Samples()
    for i in range(40):
        samples.add((20.0 if i % 3 == 0 else 10.0, 10.0))
    values, statistic = samples.chosen()
    assert set(values) == {10.0}
    assert "kept their core" in statistic
    crowded = _Samples([20.0] * 30, [10.0 + i / 100 for i in range(30)])
    values, statistic = crowded.chosen()
    assert values.max() < 11
    assert "processor time" in statistic


def test_warm_up_ends_when_two_windows_agree() -> None:
    class Cooling:
        def __init__(self) -> None:
            self.runs = 0

        def time(self, call: Any) -> tuple[float, float | None]:
            self.runs += 1
            return max(1.0, 2.0 - self.runs / 10), None

    assert 15 <= warm_up(lambda: None, Cooling(), 5.0) <= 25


def test_disturbance_becomes_warnings(record: Measurement) -> None:
    from dataclasses import replace

    calm = replace(record.disturbance, steal=0, load=0.5, preempted=0.0, bimodal=False, trend=0, reference_change=0)
    assert _warnings(calm, 0.01, 0.02, "median") == ()
    loud = replace(calm, steal=0.1, load=3, preempted=0.5, bimodal=True, trend=0.1, reference_change=0.2)
    assert len(_warnings(loud, 0.1, 0.02, "median")) == 7


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_stolen_share_is_a_share(ticks: int, stolen: int) -> None:
    share, switches = Snapshot(ticks + stolen, stolen, 5).since(Snapshot(0, 0, 2))
    assert 0 <= share <= 1
    assert switches == 3


def test_settings_that_cannot_be_had_say_so() -> None:
    for wrong in ({"device": "tpu"}, {"runtime": "tvm"}, {"dtype": "float8"}):
        with pytest.raises(UnknownName):
            Setting(**wrong)  # type: ignore[arg-type]
    with pytest.raises(MeasurementError, match="batch"):
        Setting(batch=0)
    with pytest.raises(MeasurementError, match="float32"):
        Setting(runtime="onnxruntime", dtype="float16")
    if not torch.cuda.is_available():
        with pytest.raises(MeasurementError, match="no CUDA GPU"):
            Setting(device="cuda")


def test_input_sizes() -> None:
    module = nn.Identity()
    assert input_size(module) == (3, 224, 224)
    module.img_size, module.in_chans = (64, 32), 1  # type: ignore[assignment]
    assert input_size(module) == (1, 64, 32)
    module.pretrained_cfg = {"input_size": (3, 160, 160)}  # type: ignore[assignment]
    assert input_size(module) == (3, 160, 160)


def test_bfloat16_and_batches_are_run_as_said(tiny: nn.Module) -> None:
    import copy

    found = measure(copy.deepcopy(tiny), size=(3, 16, 16), setting=Setting(dtype="bfloat16", batch=2), time_cap_s=0.1)
    assert (found.dtype, found.batch) == ("bfloat16", 2)


@pytest.mark.slow
def test_onnxruntime_and_compile(tiny: nn.Module) -> None:
    for runtime in ("onnxruntime", "compile"):
        found = measure(tiny, size=(3, 16, 16), setting=Setting(runtime=runtime), time_cap_s=0.5)
        assert found.runtime == runtime
        assert found.latency_ms > 0
