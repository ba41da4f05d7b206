"""What a report of a run says, gathered from its directory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from nas.engine.recommend import Choice, recommend
from nas.objectives import INHERITED, get_objective
from nas.report import ArchitectureCard, Axis, FunnelLevel, Recommendation, ReportData, StageRow
from nas.runs import stitched
from nas.runs.calibrated import COVERAGE, PREDICTED, TRAINED, Calibrated, describe
from nas.runs.device_views import device_views
from nas.runs.run import Run
from nas.runs.trained import best_inherited, building, evaluated, inherited_note, predictor_note, trained_facts
from search_spaces import Architecture, SearchSpace

CLOUD = 4000
"""Explored candidates drawn behind the front."""


def report_data(run: Run) -> ReportData:
    """Raises RunError where the run has no front yet."""
    front = run.front.drop(columns="architecture")
    space, spec = run.space, run.spec
    survey = run.document.get("survey", {})
    return ReportData(
        title=title(run),
        command=str(run.document.get("command", "")),
        space=space.title,
        space_size=f"{space.size:.4g} architectures",
        budgets=[str(limit) for limit in spec.budget.limits],
        objectives=[Axis(o.name, o.label, o.unit, o.direction, o.scale) for o in spec.objective_list],
        facts=facts(run),
        front=front,
        score_columns=[*_accuracies(front), *spec.judges],
        score_notes=score_notes(run) | accuracy_notes(run),
        cloud=cloud(run),
        published=stitched.anchor_table(run) if run.is_stitched else published(space),
        history=run.store.history(),
        funnel=funnel(run),
        recommended=recommendation(run, front),
        architectures=[card(run, i) for i in range(len(front))],
        costs=[Axis(q.name, q.label, q.unit, "min", q.scale) for q in spec.device_quantities.values()],
        budget_facts=[_budget_fact(q) for q in survey.get("quantities", [])],
        evaluated=evaluated(run),
    )


def title(run: Run) -> str:
    """Space and budget as a person would say them."""
    if run.is_stitched:
        return stitched.title(run)
    limits = ", ".join(run.spec.budget.texts)
    return f"{run.space.name} within {limits}" if limits else f"{run.space.name}, no budget"


def _budget_fact(quantity: dict[str, Any]) -> dict[str, Any]:
    limited = quantity["low"] is not None or quantity["high"] is not None
    return {
        "name": quantity["name"], "smallest": quantity["smallest"], "typical": quantity["typical"],
        "largest": quantity["largest"], "satisfiable": quantity["satisfiable"],
        "allowed": (quantity["low"] or None, quantity["high"]) if limited else "any",
    }  # fmt: skip


def facts(run: Run) -> dict[str, str]:
    """The run's facts as label and text."""
    spec, environment = run.spec, run.document.get("environment", {})
    history = run.store.history()
    git = environment.get("git") or {}
    calibrated = Calibrated.of(run)
    rows = {
        "Run": run.name,
        "Started": str(run.document.get("created", "")),
        "Took": f"{history['elapsed_s'].max():.0f} s exploring" if len(history) else "",
        "Seed": str(spec.seed),
        "Islands": f"{spec.islands} of {spec.population}, {spec.generations + 1} generations",
        "Workers": str(run.document.get("workers", "")),
        "Reproducible": "yes: same seed, same front" if run.document.get("reproducible", True) else "no: time-limited",
        "Options": ", ".join(f"{k}={v}" for k, v in spec.space_options.items()) or "defaults",
        "Hardware": f"{environment.get('processor', '')}, {environment.get('cores', '?')} cores",
        "System": f"{environment.get('system', '')}, Python {environment.get('python', '')}",
        "Versions": ", ".join(f"{k} {v}" for k, v in environment.get("packages", {}).items()),
        "Predictor": predictor_note(run),
        "Calibrated": f"on {len(calibrated.accuracies)} accuracies of {calibrated.source}" if calibrated else "",
        "Git": f"{str(git.get('commit', ''))[:10]}{'' if git.get('clean') else ' with changes'}" if git else "",
    }
    if run.is_stitched:
        rows |= stitched.facts(run)
    elif "supernet" in run.document:
        rows |= trained_facts(run)
    return {k: v for k, v in rows.items() if v}


def score_notes(run: Run) -> dict[str, str]:
    """What each proxy is worth, in a sentence, from its evidence."""
    from predictors.training_free import note

    if run.is_stitched:
        return {INHERITED: stitched.note(run)}
    return {name: inherited_note(run) if name == INHERITED else note(name) for name in run.spec.judges}


def _accuracies(front: pd.DataFrame) -> list[str]:
    """The accuracy columns of a calibrated run's front."""
    return [c for c in (*PREDICTED, TRAINED) if c in front and front[c].notna().any()]


def accuracy_notes(run: Run) -> dict[str, str]:
    """What a calibrated run's accuracies are worth."""
    calibrated = Calibrated.of(run)
    if calibrated is None:
        return {}
    return {
        PREDICTED[0]: f"accuracy: predicted {describe(calibrated.check)}.",
        PREDICTED[1]: f"Lower end of the predicted accuracy's {COVERAGE:.0%} conformal interval.",
        PREDICTED[2]: f"Upper end of the predicted accuracy's {COVERAGE:.0%} conformal interval.",
        TRAINED: f"Accuracy after training, from {calibrated.source}.",
    }


def cloud(run: Run) -> pd.DataFrame:
    """An even sample of everything that was priced."""
    candidates = run.store.candidates()
    step = max(1, len(candidates) // CLOUD)
    return candidates[list(run.space.quantities)].iloc[::step].reset_index(drop=True)


def published(space: SearchSpace) -> pd.DataFrame:
    """The published networks with their prices."""
    rows = [{"name": name} | space.price_architecture(a) for name, a in space.published.items()]
    return pd.DataFrame(rows, columns=["name", *space.quantities])


def funnel(run: Run) -> list[FunnelLevel]:
    """How many candidates each level of the cascade saw and passed on."""
    history, promoted, scores = run.store.history(), run.store.promoted(), run.store.scores()
    priced = int(history["priced"].max()) if len(history) else 0
    exploring_s = float(history["elapsed_s"].max()) if len(history) else 0.0
    judges = ", ".join(run.spec.judges)
    if INHERITED in run.spec.judges and not run.is_stitched:
        exploring_s = max(0.0, exploring_s - float(scores["seconds"].sum()))  # evaluations take turns with proposals
        judges = f"accuracy on {run.document['supernet']['validation']} held-out images, weights inherited"
    levels = [FunnelLevel("Operator table", priced, len(promoted), exploring_s, "every candidate priced exactly")]
    if run.spec.judges:
        failed = scores[scores["status"] != "ok"]["architecture"].nunique()
        note = f"{judges}; {failed} could not be judged" if failed else judges
        judged = scores["architecture"].nunique()
        name = "Trained supernet" if INHERITED in run.spec.judges else "Training-free proxies"
        levels.append(FunnelLevel(name, judged, len(run.front), float(scores["seconds"].sum()), note))
    return levels


def recommendation(run: Run, front: pd.DataFrame) -> Recommendation:
    """The recommended row, why, how sure, and its neighbours along MACs."""
    choice = _chosen(run, front)
    row = front.iloc[choice.index]
    by_macs = front["macs"].rank(method="first").astype(int) - 1
    position = {int(p): int(i) for i, p in by_macs.items()}
    here = int(by_macs.iloc[choice.index])
    neighbours = []
    for place, word in ((here - 1, "cheaper"), (here + 1, "larger")):
        if place in position:
            index = position[place]
            neighbours.append((index, f"the next {word} one: {_change(row, front.iloc[index])}"))
    if choice.second is not None and choice.second not in [i for i, _ in neighbours]:
        neighbours.append((choice.second, "the runner-up of the judges"))
    devices = "".join(
        f", {row[name] / q.scale:.3g} {q.unit} on {q.device}" for name, q in run.spec.device_quantities.items()
    )
    headline = f"{row['id']}: {row['macs'] / 1e6:.1f} M MACs, {row['params'] / 1e6:.2f} M parameters{devices}"
    return Recommendation(choice.index, headline, choice.reasons, choice.confidence, tuple(neighbours))


def _change(row: pd.Series, other: pd.Series) -> str:
    """From one row of a front to another: MACs, and accuracy where it was measured, else capacity."""
    macs = f"{other['macs'] / row['macs'] - 1:+.1%} MACs"
    if INHERITED in row:
        return f"{macs}, {100 * (other[INHERITED] - row[INHERITED]):+.2f} points of accuracy"
    return f"{macs}, {other['capacity'] / row['capacity'] - 1:+.1%} capacity"


def _chosen(run: Run, front: pd.DataFrame) -> Choice:
    """By predicted accuracy where the run is calibrated and that ranks at all, else by capacity and the proxies."""
    if INHERITED in run.spec.judges:
        return best_inherited(run, front)
    calibrated = Calibrated.of(run)
    if calibrated is None or not calibrated.ranks:
        return recommend(front, {"capacity": "max"} | {name: get_objective(name).direction for name in run.spec.judges})
    choice = recommend(front, {PREDICTED[0]: "max"})
    accuracy, low, high = front.iloc[choice.index][list(PREDICTED)]
    reason = f"highest predicted accuracy of the front: {accuracy:.4g}, {COVERAGE:.0%} interval {low:.4g} to {high:.4g}"
    return replace(choice, reasons=(reason,), confidence=f"predicted {describe(calibrated.check)}")


def card(run: Run, index: int) -> ArchitectureCard:
    """One architecture of the front, stage by stage."""
    architecture = run.architecture(index)
    path = f"architectures/{architecture.id}.json"
    return ArchitectureCard(
        index, architecture.id, _name(architecture), stage_rows(run.space, architecture),
        totals={"Resolution": f"{architecture.config['resolution']} px"} if "resolution" in architecture.config else {},
        code=building(run, index), json_path=path, devices=device_views(run.spec, run.space.operators(architecture)),
    )  # fmt: skip


def _name(architecture: Architecture) -> str:
    resolution = architecture.config.get("resolution")
    return f"{architecture.space} at {resolution} px" if resolution else architecture.space


def stage_rows(space: SearchSpace, architecture: Architecture) -> list[StageRow]:
    """The stages of an architecture with their prices."""
    priced = {name: (int(t.macs[0]), int(t.params[0])) for name, t in space.operators(architecture).by_stage()}
    return [
        StageRow(s.name, s.kind, s.depth, s.width, (s.side, s.side), *priced.get(s.name, (0, 0)), s.detail)
        for s in space.summary(architecture)
    ]
