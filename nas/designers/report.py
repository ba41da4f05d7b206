"""What the report of designs says: the same page as a search's, with bounds and gaps in place of judges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nas.designers.deepmad import Problem, structure_from_json
from nas.designers.design import Design
from nas.designers.infeasible import said
from nas.designers.question import SOLVER_NAMES
from nas.report import ArchitectureCard, Axis, Recommendation, ReportData
from nas.runs.report_data import stage_rows
from search_spaces.pricing import QUANTITIES

COSTS = {"macs": Axis("macs", "MACs", "M", "min", 1e6), "params": Axis("params", "Parameters", "M", "min", 1e6)}
WORTH = 0.05
"""A limit binds where 1 % more of it would buy at least so many points of the objective."""
NOTES = {
    "objective": "The entropy score less the depth penalty: what the designer maximised. No accuracy.",
    "bound": "No network of the grid within the limits has a larger objective; the certificate shows it.",
}


def report_of(
    designs: Sequence[Design], front: pd.DataFrame, path: Path, *, swept: str | None, command: str,
    notes: dict[str, str],
) -> ReportData:  # fmt: skip
    """``front`` has a row per design; ``swept`` is the amount that a sweep varied; ``notes`` are further facts."""
    problem, space = designs[0].problem, designs[0].space()
    cost = COSTS[swept or "macs"]
    return ReportData(
        title=f"DeepMAD {space.family}: {len(designs)} designs" if len(designs) > 1 else f"DeepMAD {space.family}",
        command=command,
        space=space.title,
        space_size=grid_text(problem),
        budgets=[said(name, limit, up=False) for name, limit in _limits(problem, swept).items()],
        objectives=[Axis("objective", "Objective", "", "max"), cost],
        facts=facts(designs) | notes,
        front=front.drop(columns="architecture"),
        score_columns=["bound"],
        score_notes=NOTES,
        cloud=pd.DataFrame(columns=list(QUANTITIES)),
        published=published(designs[0]),
        history=pd.DataFrame(),
        funnel=[],
        recommended=recommendation(designs[0]) if len(designs) == 1 else None,
        architectures=[card(design, i, path) for i, design in enumerate(designs)],
    )


def _limits(problem: Problem, swept: str | None) -> dict[str, float]:
    varied = {"macs": problem.convention.flops}.get(str(swept), swept)
    return {name: v for name, v in problem.budgets.items() if name != varied} | {"rho": problem.rho}


def grid_text(problem: Problem) -> str:
    """The grid in a few words."""
    grid = problem.grid
    return (
        f"grid of {len(grid.out)} widths, {len(grid.bottleneck)} inner widths, kernels "
        f"{', '.join(map(str, grid.kernel))}, up to {grid.depth_max} blocks a stage"
    )


def facts(designs: Sequence[Design]) -> dict[str, str]:
    """What a reader needs to trust the figures."""
    problem = designs[0].problem
    gaps = sorted(d.gap for d in designs)
    proven = gap_text(gaps[0]) if len(gaps) == 1 else f"{gap_text(gaps[0])} to {gap_text(gaps[-1])}"
    rows = {
        "Designer": "DeepMAD (Shen et al., CVPR 2023) by mathematical programming",
        "Convention": f"{problem.convention.name}: a FLOPs budget bounds {problem.convention.flops}",
        "Optimality gap": proven,
        "Skeleton": f"strides {', '.join(map(str, problem.strides))} behind a stem of stride 2, "
        f"{problem.head or 'no'} 1x1 head, {problem.resolution} px",
        "Took": f"{sum(d.seconds for d in designs):.0f} s",
        "Interrupted": "yes" if any(d.interrupted for d in designs) else "",
    }
    return {k: v for k, v in rows.items() if v} | (constraints(designs[0]) if len(designs) == 1 else {})


def gap_text(gap: float) -> str:
    """A gap in per cent."""
    if not math.isfinite(gap):
        return "not known"
    return "proven optimal" if gap <= 1e-6 else f"{gap:.2%}"


def constraints(design: Design) -> dict[str, str]:
    """Limit by limit: how much is used and what 1 % more would buy."""
    rows = {}
    for name, (value, limit) in design.constraints.items():
        rows[f"Limit {said(name, limit, up=False)}"] = f"{value / limit:.1%} used; 1 % more buys {worth(design, name)}"
    return rows


def worth(design: Design, limit: str) -> str:
    """Points of the objective that 1 % more of a limit would buy."""
    price = design.prices.get(limit, 0.0)
    return f"about {price:+,.1f}" if price >= WORTH else "nothing"


def published(design: Design) -> pd.DataFrame:
    """The published designs of the same family, priced and scored as this one was."""
    space, rows = design.space(), []
    for name, architecture in space.published.items():
        config = architecture.config
        if config["family"] == space.family:
            rows.append({"name": name, **space.price_architecture(architecture), **_scored(design.problem, config)})
    return pd.DataFrame(rows, columns=["name", *QUANTITIES, "objective", "score"])


def _scored(problem: Problem, config: dict[str, Any]) -> dict[str, float]:
    family = SOLVER_NAMES.get(config["family"], config["family"])
    found = problem.evaluate(structure_from_json({**config, "family": family}))
    return {"objective": found.objective, "score": found.score}


def recommendation(design: Design) -> Recommendation:
    """The only design, and why nothing is much better."""
    cost = f"{design.macs / 1e6:,.1f} M MACs, {design.params / 1e6:.2f} M parameters"
    headline = f"objective {design.objective:,.2f}: {cost}"
    reasons = [f"{name}: {text}" for name, text in constraints(design).items()]
    return Recommendation(0, headline, reasons, f"optimality gap: {gap_text(design.gap)}; see certificate.json")


def card(design: Design, index: int, path: Path) -> ArchitectureCard:
    """One design, stage by stage, with its gap and limits."""
    space, architecture = design.space(), design.architecture()
    totals = {
        "Optimality gap": gap_text(design.gap), "Score": f"{design.score:,.1f}", "Penalty": f"{design.penalty:.2f}",
        "rho": f"{design.rho:.4f}",
    }  # fmt: skip
    for limit, (value, most) in design.constraints.items():
        totals |= {f"{limit} used": f"{value / most:.1%}", f"1 % more {limit}": worth(design, limit)}
    return ArchitectureCard(
        index, architecture.id, f"DeepMAD {space.family} at {space.img_size} px", stage_rows(space, architecture),
        totals=totals,
        code=f'import nas\n\nmodel = nas.create_model("{path}", index={index})',
        json_path=f"architectures/{architecture.id}.json",
    )  # fmt: skip
