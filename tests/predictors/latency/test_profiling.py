"""Profiling this machine: rows timed in place, journals that survive a kill, fits, and a whole tiny session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from predictors.latency.errors import MeasurementError
from predictors.latency.features import INDEX
from predictors.latency.profile import DeviceProfile
from predictors.latency.profiling import sources
from predictors.latency.profiling.align import align
from predictors.latency.profiling.coverage import Coverage
from predictors.latency.profiling.fit import fit_cost_model, unit_data
from predictors.latency.profiling.host import assemble, settings, slowdown, summary
from predictors.latency.profiling.instrument import time_rows
from predictors.latency.profiling.journal import CHECK, FIT, Entry, Journal
from predictors.latency.profiling.session import Progress, Session, _mixed
from predictors.latency.profiling.sources import Candidate, draw, held_out, source_names, timm_names
from search_spaces import get_space, trace
from search_spaces.operators import Kind, OperatorTable


def network(width: int = 8, depth: int = 2) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.Hardswish()]
    for _ in range(depth):
        layers += [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 1), nn.GELU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)).eval()


X = torch.zeros(1, 3, 32, 32)


def cost_of(table: OperatorTable) -> np.ndarray:
    """A made-up device: its milliseconds per row."""
    moved = table["c_in"] * table["h_in"] * table["w_in"] + table["c_out"] * table["h_out"] * table["w_out"]
    return np.where(table["kind"] == Kind.PARAMETER, 0.0, 0.01 + table.row_macs / 5e7 + moved / 1e7)


def entry(split: str, width: int, depth: int, slow: float = 1.0, factor: float = 1.0) -> Entry:
    table = trace(network(width, depth), input_size=(3, 32, 32))
    row_ms = cost_of(table) * slow * factor
    rows = row_ms if split == FIT else None
    return Entry(split, "toy", f"toy:{width}-{depth}", table, float(row_ms.sum()), (slow, slow), 1.0, rows)


def session_of(n: int = 16) -> list[Entry]:
    rng = np.random.default_rng(0)
    fit = [entry(FIT, int(w), int(d), float(s)) for w, d, s in zip(
        rng.integers(4, 64, n), rng.integers(1, 5, n), rng.choice([0.8, 1.0, 1.0, 1.3], n), strict=True)]  # fmt: skip
    checks = [entry(CHECK, w, d) for w, d in ((12, 2), (24, 3), (40, 1), (56, 4), (20, 1))]
    return [*fit, *checks, *checks]


def test_rows_sum_to_the_plain_latency_and_the_module_is_left_alone() -> None:
    module = network()
    timed = time_rows(module, X, threads=1, time_cap_s=0.05)
    assert timed.row_ms.sum() == pytest.approx(timed.latency_ms)
    assert (timed.row_ms[timed.table["kind"] != Kind.PARAMETER] > 0).all()
    assert timed.table.macs == trace(module, X).macs
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_time_goes_to_the_row_that_takes_it() -> None:
    heavy = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 256, 7, padding=3), nn.ReLU()).eval()
    timed = time_rows(heavy, torch.zeros(1, 3, 64, 64), threads=1, time_cap_s=0.1)
    assert int(np.argmax(timed.row_ms)) == 2


@pytest.mark.parametrize("name", ["elasticvit-small", "autoformer-small", "vit_resnas-small"])
def test_a_traced_network_aligns_with_its_spaces_table(name: str) -> None:
    space = get_space(name)
    architecture = space.decode(space.sample(1, np.random.default_rng(0))[0])
    own, traced = space.operators(architecture), trace(space.model(architecture).eval())
    ms = np.arange(1.0, len(traced) + 1)
    found = align(traced, ms, own)
    assert found is not None
    assert found.sum() == pytest.approx(ms.sum())
    products = np.isin(own["kind"], (Kind.CONV, Kind.LINEAR))
    assert (found[products] > 0).mean() > 0.95


def test_strangers_do_not_align() -> None:
    a, b = (trace(network(w), X) for w in (8, 24))
    assert align(a, np.ones(len(a)), b) is None


def test_journal_survives_being_cut_off_and_refuses_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path, {"processor": "a"})
    first, second = entry(FIT, 8, 1), entry(CHECK, 12, 2)
    journal.add(first)
    journal.add(second)
    with path.open("a") as file:
        file.write(first.to_json()[:100])  # killed while writing
    again = Journal(path, {"processor": "a"})
    assert [e.name for e in again.entries] == [first.name, second.name]
    assert again.entries[0].row_ms == pytest.approx(first.row_ms, rel=1e-4)
    assert again.entries[1].row_ms is None
    assert (again.entries[1].table.macs == second.table.macs).all()
    assert again.elapsed_s == 2.0
    again.add(first)
    assert len(Journal(path, {"processor": "a"}).entries) == 3
    with pytest.raises(MeasurementError, match="another processor"):
        Journal(path, {"processor": "b"})
    path.write_text("no json\n")
    with pytest.raises(MeasurementError, match="no record"):
        Journal(path, {"processor": "a"})


def test_fit_recovers_a_made_up_device_and_is_honest_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictors.latency.profiling.fit.TREES", 60)
    profile = assemble("toy", session_of(), 1)
    assert profile.evidence["checked"] == 5
    assert profile.evidence["within10"] == 1.0
    assert profile.evidence["repeating"]["checked"] == 5
    assert DeviceProfile.from_json(profile.to_json()).predict(trace(network(12), X)).ms == pytest.approx(
        profile.predict(trace(network(12), X)).ms, rel=1e-5
    )
    inside, outside = (profile.predict(trace(network(w), input_size=(3, s, s))) for w, s in ((24, 32), (2000, 96)))
    assert outside.warnings
    assert outside.coverage[0] < inside.coverage[0]
    assert outside.high[0] / outside.ms[0] > inside.high[0] / inside.ms[0]


def test_a_slow_spell_of_the_machine_is_taken_out() -> None:
    entries = session_of()
    speed = slowdown(entries)
    assert speed.min() == pytest.approx(0.8)
    assert speed.max() == pytest.approx(1.3)


def test_too_few_networks_make_no_profile() -> None:
    with pytest.raises(MeasurementError, match="too few"):
        assemble("toy", session_of()[:3], 1)


def test_units_keep_the_whole_time() -> None:
    e = entry(FIT, 8, 2)
    assert e.row_ms is not None
    data = unit_data([e.table], [e.row_ms])
    assert data.ms.sum() == pytest.approx(e.row_ms.sum())
    assert {data.kinds[k] for k in data.kind} >= {"conv", "dwconv", "pointwise", "batch_norm", "activation", "linear"}
    assert (data.x[data.kind == data.kinds.index("batch_norm"), INDEX["moved_batch_norm"]] > 0).all()


def test_many_units_bring_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    entries = [entry(FIT, int(w), 4) for w in rng.permutation(np.arange(4, 110))[:12]]
    monkeypatch.setattr("predictors.latency.profiling.fit.ENOUGH_FOR_TREES", 20)
    model = fit_cost_model(unit_data([e.table for e in entries], [e.row_ms for e in entries if e.row_ms is not None]))
    assert {c.name for m in model.models.values() for c in m.corrections} >= {"trees"}
    assert model.calibration.scale == pytest.approx(1, abs=0.1)


def test_figures_of_the_check() -> None:
    rows = [{"predicted_ms": p, "measured_ms": m, "repeats": r} for p, m, r in
            ((1.0, 1.0, True), (2.1, 2.0, True), (3.0, 4.0, False))]  # fmt: skip
    found = summary(rows)
    assert found["within10"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["mape"] == pytest.approx((0 + 0.05 + 0.25) / 3, abs=1e-3)
    assert found["repeating"]["within10"] == 1.0


def test_fit_and_check_share_no_network() -> None:
    for_fit = {c.name for c in draw("timm", np.random.default_rng(0), for_check=False)}
    for_check = {c.name for c in draw("timm", np.random.default_rng(0), for_check=True)}
    assert for_fit
    assert for_check
    assert not for_fit & for_check
    assert len(for_fit) + len(for_check) == len(timm_names())
    stream = draw("elasticvit-small", np.random.default_rng(0), for_check=True)
    assert all(held_out(next(stream).name) for _ in range(3))


def test_sources_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"timm", "elasticvit", "convnet"} <= set(source_names())
    few = ["timm", "elasticvit-small", "autoformer-small", "vit_resnas-small"]
    monkeypatch.setattr("predictors.latency.profiling.session.source_names", lambda: few)
    stream = _mixed(np.random.default_rng(0), for_check=False)
    found = [next(stream).source for _ in range(10)]
    assert [found.count(name) for name in few] == [4, 2, 2, 2]


def test_a_session_measures_goes_on_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(rng: np.random.Generator, *, for_check: bool) -> Any:
        for i in range(1000):
            yield Tiny("toy", f"toy:{for_check}:{i}")

    class Tiny(Candidate):
        def build(self) -> nn.Module:
            module = network(8 + 4 * (len(self.name) % 5))
            module.img_size = 32  # type: ignore[assignment]
            return module

    monkeypatch.setattr("predictors.latency.profiling.session._mixed", tiny)
    monkeypatch.setattr("predictors.latency.profiling.session.SECONDS_PER_NETWORK", 0.02)
    monkeypatch.setattr("predictors.latency.profiling.session.SECONDS_PER_CHECK", 0.05)
    path, seen = tmp_path / "j.jsonl", list[Progress]()
    Session(Journal(path, settings(1)), 3.0).run(seen.append)
    first = Journal(path, settings(1))
    assert first.elapsed_s >= 3.0
    assert {e.split for e in first.entries} == {FIT, CHECK}
    assert seen[-1].fitted + seen[-1].checked == len(first.entries)
    Session(first, first.elapsed_s + 1.0).run()
    later = Journal(path, settings(1))
    assert len(later.entries) > len(seen)
    names = [e.name for e in later.entries if e.split == FIT]
    assert len(names) == len(set(names))


def test_the_network_with_most_that_is_new_is_timed_first() -> None:
    known, other = entry(FIT, 8, 2).table, entry(FIT, 64, 2).table
    coverage = Coverage()
    assert coverage.novelty(known) == coverage.novelty(other) == 1.0
    coverage.add(known)
    assert coverage.novelty(known) < 0.6 < coverage.novelty(other)


def test_a_candidate_that_cannot_be_profiled_is_left_out(tmp_path: Path) -> None:
    class Broken(Candidate):
        def build(self) -> nn.Module:
            raise RuntimeError("no")

    session = Session(Journal(tmp_path / "j.jsonl", settings(1)), 1.0)
    session._to_fit = iter([Broken("toy", "toy:broken")])
    assert "left out" in session._fit(None)  # type: ignore[arg-type]
    assert not session.journal.entries


def test_the_shipped_list_names_common_networks() -> None:
    listed = json.loads(Path(sources.__file__).with_name("timm_networks.json").read_text())
    assert len(listed) == len(set(listed)) > 100
    assert {"resnet50", "deit_tiny_patch16_224", "mobilenetv3_large_100"} <= set(listed)
