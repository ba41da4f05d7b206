"""``nas.design``: the answer as a value, the network behind it, the folder it is saved in."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import nas
from nas.designers import infeasible as words
from nas.designers.deepmad import CertificateRefused, Grid, InfeasibleDesign, infeasible, solver, structure_from_json
from nas.designers.design import Design
from nas.designers.folder import load, rebuild
from nas.designers.question import problem_of
from nas.designers.scoring import score_structure
from nas.designers.sweep import Range, sweep_designs
from nas.designers.verifying import verify_certificate
from search_spaces import trace

RESIDUAL = Grid(
    out=(16, 32, 64), bottleneck=(8, 16, 32), kernel=(3, 5), stem=(8,), depth_max=2, first_depth_max=1,
)  # fmt: skip
INVERTED = dataclasses.replace(RESIDUAL, bottleneck=(24, 48, 96), bottleneck_ratio=(1.5, 6.0))
QUESTIONS: dict[str, dict[str, Any]] = {
    "resnet": {"budget": ["40MFLOPs", "150kparams"], "rho": 0.5, "grid": RESIDUAL},
    "basic": {"budget": ["60MFLOPs", "250kparams"], "rho": 0.5, "grid": RESIDUAL},
    "mobilenet": {"budget": ["30MFLOPs", "250kparams"], "rho": 1.5, "grid": INVERTED, "head": 64},
    "mobilenet_se": {"budget": ["30MFLOPs", "250kparams"], "rho": 1.5, "grid": INVERTED, "head": 0},
}


@pytest.fixture(autouse=True)
def _short_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infeasible, "GENERATIONS", 12)
    monkeypatch.setattr(solver, "GENERATIONS", 50)


def designed(family: str, **changes: Any) -> Design:
    """A small design, solved in this process."""
    return nas.design(
        family=family, **{**QUESTIONS[family], "strides": (2, 2, 2), "time_s": 5, "workers": 0, "gap": 0} | changes
    )


@pytest.fixture(scope="module", params=QUESTIONS)
def design(request: pytest.FixtureRequest) -> Design:
    """One design of each family."""
    return designed(request.param)


def test_the_answer_is_frozen_and_consistent(design: Design) -> None:
    assert design.objective == pytest.approx(design.score - design.penalty)
    assert 0 <= design.gap < 1e-6
    assert design.objective <= design.bound
    assert all(value <= limit for value, limit in design.constraints.values())
    assert set(design.prices) == set(design.constraints)
    with pytest.raises(dataclasses.FrozenInstanceError):
        design.score = 1.0  # type: ignore[misc]


def test_the_network_is_what_was_designed(design: Design) -> None:
    model = design.build()
    table = trace(model, input_size=(3, 224, 224))
    assert (int(table.macs[0]), int(table.params[0])) == (design.macs, design.params)
    price = design.space().price_architecture(design.architecture())
    assert (price["macs"], price["params"]) == (design.macs, design.params)
    assert price["capacity"] == pytest.approx(design.score, rel=1e-6)


def test_the_network_trains(design: Design) -> None:
    torch.manual_seed(0)
    model = design.build(num_classes=10).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert math.isfinite(loss.item())


def test_the_certificate_convinces(design: Design) -> None:
    _, verified = verify_certificate(design.certificate)
    assert verified.objective == pytest.approx(design.objective, rel=1e-12)
    assert verified.bound <= design.bound * (1 + 1e-9)
    with pytest.raises(CertificateRefused):
        verify_certificate({**design.certificate, "bound": design.objective * 0.99})


def test_document_is_json_and_knows_no_infinity(design: Design) -> None:
    unknown = dataclasses.replace(design, bound=math.inf, gap=math.inf)
    document = json.loads(json.dumps(unknown.document(), allow_nan=False))
    assert (document["bound"], document["gap"]) == (None, None)
    assert structure_from_json(document["structure"]) == design.structure


def test_released_counting() -> None:
    """A FLOPs budget then means the released code's, which are more than MACs; the classifier is not counted."""
    design = designed("resnet", convention="released")
    amounts = design.problem.evaluate(design.structure).amounts
    assert set(design.constraints) == {"released_flops", "params", "rho"}
    assert design.macs == amounts["released_flops"] > amounts["macs"]
    price = design.space().price_architecture(design.architecture())
    assert price["params"] - design.params == 1000 * (design.structure.stages[-1].out + 1)


def test_activations_are_a_budget_of_the_residual_families() -> None:
    """Exactly those of the operator table, stem and classifier included; the certificate still convinces."""
    for family in ("resnet", "basic"):
        free = designed(family, budget="100MFLOPs", head=48)
        used = free.space().price_architecture(free.architecture())["activations"]
        limit = int(0.9 * used)
        found = designed(family, budget=["100MFLOPs", f"{limit}activations"], head=48)
        price = found.space().price_architecture(found.architecture())
        assert found.constraints["activations"] == (price["activations"], limit)
        assert price["activations"] <= limit
        assert found.objective < free.objective
        assert verify_certificate(found.certificate)[1].bound <= found.bound * (1 + 1e-9)
    with pytest.raises(nas.NasError, match="residual families only"):
        designed("mobilenet", budget=["5Mactivations"])


def test_saved_as_a_run(tmp_path: Path) -> None:
    design = designed("resnet")
    folder = design.save(tmp_path / "one")
    names = {p.name for p in folder.iterdir()}
    assert names >= {"run.json", "front.csv", "report.html", "front.png", "summary.md", "certificate.json"}
    run = nas.load_run(folder)
    assert (run.status, len(run.front)) == ("done", 1)
    assert run.architecture(0) == design.architecture()
    assert run.front["gap"].iloc[0] == design.gap
    assert sum(p.numel() for p in nas.create_model(folder).parameters()) == design.params
    assert load(folder)[0].document() == design.document()
    before = (folder / "summary.md").read_text()
    assert "1 % more buys" in before
    assert rebuild(folder) == folder / "report.html"
    assert (folder / "summary.md").read_text() == before
    with pytest.raises(nas.NasError, match="exists already"):
        design.save(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "resnt"}, "did you mean 'resnet'"),
        ({"method": "deepmat"}, "did you mean 'deepmad'"),
        ({"convention": "relesed"}, "did you mean 'released'"),
        ({"budget": None}, "needs a budget"),
        ({"budget": "-5Mparams"}, "is negative"),
        ({"budget": ["5..Mparams", "3Mparams"]}, "leave no params"),
        ({"budget": "3..5Mparams"}, "upper limits"),
        ({"budget": "50MB"}, "maximum over operators"),
        ({"budget": "20ms@pixel6"}, "device profile"),
        ({"rho": 0}, "above 0 and at most 2"),
        ({"rho": 2.01}, "above 0 and at most 2"),
        ({"rho": math.nan}, "above 0 and at most 2"),
        ({"rho": True}, "above 0 and at most 2"),
        ({"strides": (2, 2)}, "strides must be"),
        ({"head": -1}, "head must be"),
        ({"img_size": 225}, "nearest: 224"),
        ({"gap": -0.1}, "gap must be"),
        ({"time_s": 0}, "time > 0"),
        ({"workers": -1}, "workers must be"),
        ({"seed": -1}, "seed must be"),
        ({"grid": {"out": [8]}}, "not a grid"),
        ({"grid": {**RESIDUAL.to_json(), "out": [10**6]}}, "values up to 4096"),
        ({"grid": {**RESIDUAL.to_json(), "kernel": [4]}}, "odd"),
        ({"grid": {**RESIDUAL.to_json(), "kernel": [True]}}, "whole numbers"),
        ({"grid": {**RESIDUAL.to_json(), "depth": {"max": 10**9}}}, "depths go up to 64"),
        ({"grid": {**RESIDUAL.to_json(), "depth": {"max": math.inf}}}, "infinity"),
        ({"grid": {**RESIDUAL.to_json(), "rules": ["bottleneck between out/0 and out"]}}, "division"),
    ],
)
def test_bad_questions(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(nas.NasError, match=message) as caught:
        nas.design(**{"budget": "5Mparams", "workers": 0, **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("budget", "rho", "conflicts"),
    [
        (["1MFLOPs", "12kparams"], 0.5, {"macs"}),
        (["40MFLOPs", "150kparams"], 0.01, {"rho"}),
    ],
)
def test_infeasible_budgets_are_explained(budget: list[str], rho: float, conflicts: set[str]) -> None:
    with pytest.raises(InfeasibleDesign) as caught:
        designed("resnet", budget=budget, rho=rho)
    assert set(caught.value.data["conflicts"]) == conflicts
    message = str(caught.value)
    assert message.startswith("no design of the grid meets")
    assert "nearest feasible" in message or "the least found" in message


def test_the_nearest_value_that_is_told_is_feasible() -> None:
    with pytest.raises(InfeasibleDesign) as caught:
        designed("resnet", budget=["12kparams"], rho=0.5)
    least = caught.value.data["nearest"]["params"]
    told = words.said("params", least).removeprefix("params <= ")
    assert told in str(caught.value)
    assert designed("resnet", budget=[told], rho=0.5).params <= nas.Budget.parse(told).limits[0].high


def test_an_interrupt_returns_the_best_so_far() -> None:
    def stop(seconds: float, objective: float | None, bound: float, gap: float) -> None:
        if objective is not None:
            raise KeyboardInterrupt

    found = designed("resnet", on_progress=stop)
    assert found.interrupted
    assert 0 <= found.gap <= math.inf
    assert all(value <= limit for value, limit in found.constraints.values())


def test_a_front_of_designs() -> None:
    problem = problem_of("resnet", ["40MFLOPs"], rho=0.5, grid=RESIDUAL, strides=(2, 2, 2))
    swept = Range.parse("params=20k..200k:4")
    found = sweep_designs(problem, swept, gap=0, time_s=5, seed=0, workers=0)
    assert [value for value, _ in found.left_out] == [20_000.0]
    objectives, params = [d.objective for d in found.designs], [d.params for d in found.designs]
    assert objectives == sorted(objectives, reverse=True)
    assert params == sorted(params, reverse=True)
    assert all(d.gap < 1e-6 for d in found.designs)


@pytest.mark.parametrize(
    "text", ["params", "params=5M", "pram=5M..6M:3", "params=6M..5M:3", "macs=0..5G:3", "macs=1..5G:1"]
)
def test_sweeps_that_cannot_be_read(text: str) -> None:
    with pytest.raises(nas.NasError, match="sweep"):
        Range.parse(text)


def test_sweep_values() -> None:
    assert Range.parse("macs=1G..4G:3").values == pytest.approx((1e9, 2e9, 4e9))
    assert Range.parse("params = 5M .. 50M : 2").values == (5e6, 50e6)


def test_scoring_a_structure() -> None:
    design = designed("mobilenet")
    for form in (design.structure.to_json(), design.document(), json.loads(design.architecture().to_json())):
        read, found = score_structure(form)
        assert (read, found.objective) == (design.structure, design.objective)


@pytest.mark.parametrize("method", ["from nas import design", "import nas; nas.design"])
def test_no_torch_on_the_way(method: str) -> None:
    solve = "nas.design(budget='300kparams', rho=0.5, grid=g, time_s=2, workers=0).architecture()"
    code = f"import sys, nas; {method}; g = {RESIDUAL.to_json()!r}; {solve}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
