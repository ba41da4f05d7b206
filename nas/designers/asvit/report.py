"""What the report of a scaling says: the page of every run, with the series as its front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from nas.budget import Budget
from nas.designers.asvit.question import Question
from nas.designers.asvit.run import read_document
from nas.designers.asvit.series import Network, Series
from nas.report import ArchitectureCard, Axis, FunnelLevel, Recommendation, ReportData
from nas.runs.report_data import published, stage_rows
from search_spaces.pricing import QUANTITIES

AXES = [
    Axis("macs", "MACs", "M", "min", 1e6), Axis("le", "LE (length distortion)", "", "max"),
    Axis("ntk", "NTK condition number", "", "min"),
]  # fmt: skip
PRODUCT = "K2 x K3 x K4"
OWN_NOTES = {
    "le": "How far the network, at a quarter of its width, stretches a circle of images; larger is better.",
    "ntk": "Condition number of the tangent kernel, at a quarter of the width; smaller is better.",
    "merging": "Product of the kernels of the patch mergings: the trivial score that LE nearly is.",
}


def report_of(series: Series, front: pd.DataFrame, seeds: pd.DataFrame, path: Path) -> ReportData:
    """``front`` has a row per network, largest first; ``seeds`` one per judged seed."""
    document = read_document(path)
    question, space = Question.from_dict(document["scaling"]), series.space()
    values = ["le", "ntk", "merging"]
    return ReportData(
        title=f"As-ViT scaled to {', '.join(question.budgets)}",
        command=str(document.get("command", "")),
        space=space.title,
        space_size=f"{space.size:,} seed topologies",
        budgets=[str(limit) for limit in Budget.parse(question.budgets).limits],
        objectives=AXES,
        facts=facts(series, question, document),
        front=front.drop(columns="architecture"),
        score_columns=values,
        score_notes=notes(series),
        cloud=seeds[[c for c in (*QUANTITIES, *values) if c in seeds]],
        published=published(space),
        history=pd.DataFrame(),
        funnel=funnel(series, seeds),
        recommended=recommendation(series),
        architectures=[card(series, i, path) for i in range(len(series))],
    )


def baseline(series: Series) -> str:
    """How much of LE the product of the merging kernels explains, in a sentence."""
    if series.tau is None:
        return f"LE beside {PRODUCT}: too few seeds to compare"
    return f"LE ranks the {series.judged} judged seeds as {PRODUCT} does with Kendall tau {series.tau:+.2f}"


def notes(series: Series) -> dict[str, str]:
    """Each score: what it is, how well it ranked trained networks, and what stands behind LE."""
    from predictors.training_free import note

    found = {name: f"{text} {note(name)}" if name != "merging" else text for name, text in OWN_NOTES.items()}
    found["le"] += f" {baseline(series)}."
    return found


def facts(series: Series, question: Question, document: dict[str, Any]) -> dict[str, str]:
    """What a reader needs to trust the figures."""
    protocol, hardware = question.judging, document.get("environment", {})
    how = f"{protocol.repeats} networks, LE at {len(protocol.angles)} angles, NTK on {protocol.images} images"
    rows = {
        "Method": "As-ViT (Chen et al., ICLR 2022): seed topology, then the growing rule",
        "Protocol": f"{protocol.name}: {protocol.search}; per candidate {how}",
        "Images of the NTK": question.data or "random noise, drawn once",
        "Seeds judged": f"{series.judged}" + (f"; {series.failed} candidates had no value" if series.failed else ""),
        "Trivial baseline": baseline(series),
        "Ended because": series.ended,
        "Seed": str(question.seed),
        "Reproducible": "yes: same seed, same series" if series.reproducible else "no: time-limited",
        "Options": ", ".join(f"{k}={v}" for k, v in question.options.items()) or "defaults",
        "Hardware": f"{hardware.get('processor', '')}, {hardware.get('cores', '?')} cores",
    }
    return rows


def funnel(series: Series, seeds: pd.DataFrame) -> list[FunnelLevel]:
    """How many candidates were judged and kept."""
    grown = series.networks[1:]
    judged = sum(network.candidates for network in grown)
    return [
        FunnelLevel("Seed topologies", len(seeds), 1, float("nan"), "LE and NTK at width 32"),
        FunnelLevel("Growth", judged, len(grown), float("nan"), "one block and 5 to 20 % width a step"),
    ]


def recommendation(series: Series) -> Recommendation:
    """The largest network."""
    last, first = series.largest, series.networks[0]
    grown = f"grown in {len(series) - 1} steps from the seed {first.genotype}"
    return Recommendation(0, headline(last), [last.genotype, grown, series.ended], baseline(series))


def headline(network: Network) -> str:
    """A network in a line."""
    return f"{network.architecture.id}: {network.macs / 1e9:.2f} G MACs, {network.params / 1e6:.1f} M parameters"


def card(series: Series, index: int, path: Path) -> ArchitectureCard:
    """One network of the front, stage by stage."""
    step = len(series) - 1 - index
    network, space = series.networks[step], series.space()
    scores = {"LE": network.le, "NTK": network.ntk, PRODUCT: network.merging}
    totals = {"Step": str(step), "Genotype": network.genotype}
    totals |= {name: "none" if value is None else f"{value:.4g}" for name, value in scores.items()}
    return ArchitectureCard(
        index, network.architecture.id, f"As-ViT at {network.architecture.config['resolution']} px",
        stage_rows(space, network.architecture), totals=totals,
        code=f'import nas\n\nmodel = nas.create_model("{path}", index={index})',
        json_path=f"architectures/{network.architecture.id}.json",
    )  # fmt: skip
