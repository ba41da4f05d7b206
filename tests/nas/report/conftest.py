"""A realistic report: a 40-row front of an ElasticViT-like space, made from a seed, without the engine or torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nas.report import ArchitectureCard, Axis, FunnelLevel, Recommendation, ReportData, StageRow

PUBLISHED = {
    "T1": (64.9, 8.9), "T2": (120.5, 9.3), "S1": (221.5, 10.8), "S2": (320.3, 10.2),
    "M": (417.4, 12.0), "L1": (522.9, 12.8), "L2": (713.1, 14.9), "L3": (824.6, 15.3),
}  # fmt: skip
SCORES = ["zico", "az_nas"]


def build_report(rows: int = 40, seed: int = 7, cloud: int = 600, **changes: Any) -> ReportData:
    """A `ReportData` as a run of `nas search --space elasticvit --budget 600MFLOPs` would make it."""
    rng = np.random.default_rng(seed)
    front = _front(rows, rng)
    best = int(0.8 * (rows - 1))
    data = ReportData(
        title="elasticvit under 600 MFLOPs",
        command="nas search --space elasticvit --budget 600MFLOPs --objective capacity --objective macs --seed 0",
        space="elasticvit",
        space_size="2.17e16 architectures",
        budgets=["macs <= 600 M"],
        objectives=[Axis("capacity", "Capacity", "", "max", 1.0), Axis("macs", "MACs", "M", "min", 1e6)],
        facts=_facts(),
        front=front,
        score_columns=SCORES,
        score_notes={
            "zico": "ZiCo: mean over standard deviation of gradients, summed over layers. Kendall tau 0.41 ± 0.05 "
            "against 200 trained subnets of a comparable space.",
            "az_nas": "AZ-NAS: rank sum of expressivity, progressivity, trainability and complexity. No ground truth "
            "for this space was measured; read it as an order, not as an accuracy.",
        },
        cloud=_priced(cloud, rng),
        published=_published(),
        history=_history(rows),
        funnel=[
            FunnelLevel("Table", 204_800, 1_931, 11.8, "MACs, params, memory and capacity from the operator table"),
            FunnelLevel("Training-free proxies", 96, rows, 71.4, "ZiCo and AZ-NAS on a batch of 16 images"),
            FunnelLevel("Front", rows, rows, 0.02, "Non-dominated in capacity and MACs"),
        ],
        recommended=_recommended(front, best),
        architectures=[card(i, row["id"], rng) for i, row in enumerate(front.to_dict("records"))],
        budget_facts=[
            {"name": "macs", "smallest": 38_286_000, "typical": 612_000_000, "largest": 3_241_000_000,
             "allowed": 600e6, "satisfiable": True},
            {"name": "params", "smallest": 5_636_555, "typical": 16_900_000, "largest": 37_567_310,
             "allowed": "no limit", "satisfiable": True},
        ],
    )  # fmt: skip
    return replace(data, **changes)


def _capacity(macs: np.ndarray) -> np.ndarray:
    return 1450 + 560 * np.log2(macs / 30e6)


def _front(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    macs = np.sort(np.geomspace(41e6, 598e6, rows) * rng.uniform(0.98, 1.02, rows)).astype(int)
    macs = np.minimum(macs, 599_412_736)
    share = np.log(macs / macs.min() + 0.01) / np.log(15)
    frame = _frame(macs, (5.4e6 + 9.1e6 * share + rng.normal(0, 2.5e5, rows)).astype(int), rng)
    frame.insert(0, "id", [f"{rng.integers(16**10):010x}" for _ in range(rows)])
    frame["capacity"] = np.round(_capacity(macs) + 6 * np.arange(rows) / rows, 6)
    frame["zico"] = [float(f"{v:.6g}") for v in 88 + 40 * share + rng.normal(0, 2.5, rows)]
    frame["az_nas"] = [float(f"{v:.6g}") for v in -2.1 + 3 * share + rng.normal(0, 0.3, rows)]
    if rows > 10:
        frame.loc[[1, 4], "zico"] = np.nan
    return frame


def _frame(macs: np.ndarray, params: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    jitter = rng.uniform(0.9, 1.1, len(macs))
    columns = {"macs": macs, "params": params, "activations": (macs**0.72 * 4.1 * jitter).astype(int)}
    return pd.DataFrame({**columns, "memory": (macs**0.55 * 60 * jitter).astype(int), "capacity": _capacity(macs)})


def _priced(size: int, rng: np.random.Generator) -> pd.DataFrame:
    macs = np.exp(rng.uniform(np.log(45e6), np.log(600e6), size)).astype(int)
    frame = _frame(macs, (5.2e6 + macs**0.8 * 1.1 + rng.gamma(2, 8e5, size)).astype(int), rng)
    frame["capacity"] -= rng.gamma(1.6, 190, size)
    return frame


def _published() -> pd.DataFrame:
    macs, params = np.array(list(PUBLISHED.values())).T * 1e6
    frame = _frame(macs.astype(int), params.astype(int), np.random.default_rng(1))
    frame["capacity"] -= np.linspace(60, 210, len(frame))
    frame.insert(0, "name", [f"ElasticViT-{name}" for name in PUBLISHED])
    return frame


def _history(rows: int) -> pd.DataFrame:
    steps = np.arange(1, 51)
    return pd.DataFrame(
        {
            "generation": steps,
            "elapsed_s": 2.1 + steps * 1.7,
            "priced": steps * 4096,
            "scored": np.minimum(96, steps * 2),
            "front_size": np.minimum(rows, 6 + steps),
            "hypervolume": 0.78 - 0.4 * np.exp(-steps / 9),
        }
    )


def _recommended(front: pd.DataFrame, best: int) -> Recommendation:
    row = front.iloc[best]
    near = [i for i in (best - 2, best + 2) if 0 <= i < len(front) and i != best]
    return Recommendation(
        index=best,
        headline=f"The best judged network under 600 M MACs uses {row['macs'] / 1e6:,.0f} M of them",
        reasons=[
            "Highest mean rank of both training-free scores among the 40 architectures that passed the table level.",
            "More capacity than every published network of this space at no more MACs.",
            "Beyond it the front flattens: 20 % more MACs buy 2 % more capacity.",
        ],
        confidence="Moderate. Both scores agree on it in 4 of 5 seeds, but neither has seen trained accuracy in this "
        "space; the three best are within the spread of the scores. Train the neighbours too if you can afford it.",
        neighbours=[(i, "30 % fewer MACs, 5 % less capacity" if i < best else "the rest of the budget") for i in near],
    )


def card(index: int, identity: str, rng: np.random.Generator) -> ArchitectureCard:
    """A card with the nine stages of ElasticViT and figures that add up plausibly."""
    side, stages = int(rng.choice([128, 160, 192, 224])), []
    plan = [("First conv", 16, 1, 2), ("Stem", 16, 1, 2), ("C1", 24, 5, 4), ("C2", 40, 6, 8), ("T1", 80, 5, 16),
            ("T2", 128, 6, 16), ("T3", 208, 6, 32), ("T4", 288, 6, 64)]  # fmt: skip
    for name, width, most, stride in plan:
        depth = int(rng.integers(1, most + 1))
        kind = "transformer" if name[0] == "T" else "convolution" if name == "First conv" else "MBConv"
        detail = "MLP ratio 3, V scale 2, 16 channels per head" if name[0] == "T" else "kernel 3, expansion 4"
        pixels = -(-side // stride)
        macs, params = depth * width**2 * 9 * pixels**2 * 0.6, depth * width**2 * 9
        stages.append(StageRow(name, kind, depth, width, (pixels, pixels), int(macs), params, detail))
    stages.append(StageRow("Head", "classifier head", 1, 1984, None, 6_300_000, 5_400_000, "C to 6C to 1984 to 1000"))
    code = f'import nas\n\nmodel = nas.create_model("results/elasticvit-600M", index={index})\nmodel.eval()'
    totals = {"Input": f"{side} × {side}", "Layers": sum(stage.depth for stage in stages)}
    path = f"architectures/{identity}.json"
    return ArchitectureCard(index, identity, f"elasticvit at {side} px", stages, totals, code, path)


def _facts() -> dict[str, str]:
    return {
        "Started": "2026-11-20 16:02:11 UTC", "Duration": "1 min 52 s", "Seed": "0", "Islands": "4", "Workers": "2",
        "Hardware": "2 cores, 7.8 GB memory, no GPU", "Python": "3.11.7", "nas": "0.1.0", "torch": "2.13.0",
        "ray": "3.2.0", "Git": "8f2c1d0 (clean)", "Reproducible": "yes: same seed and islands, same front",
    }  # fmt: skip


@pytest.fixture(scope="session")
def make_report() -> Callable[..., ReportData]:
    return build_report


@pytest.fixture(scope="session")
def make_card() -> Callable[[int, str, np.random.Generator], ArchitectureCard]:
    return card


@pytest.fixture(scope="session")
def report(make_report: Callable[..., ReportData]) -> ReportData:
    return make_report()
