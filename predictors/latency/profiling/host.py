"""A device profile of this machine's CPU from the journal of a session, with the evidence of its check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from predictors.latency.costing import CostModel
from predictors.latency.errors import MeasurementError
from predictors.latency.measuring.hardware import describe_hardware, describe_software
from predictors.latency.profile import DeviceProfile
from predictors.latency.profiling.fit import fit_cost_model, spread, unit_data
from predictors.latency.profiling.journal import CHECK, FIT, Entry, Journal
from predictors.latency.profiling.session import Listener, Session
from search_spaces.operators import FloatArray

FIT_SHARE, LEAST_FIT_S = 0.06, 3.0
"""Share of the time that is kept for fitting."""
STEADY = 0.05
"""A network repeats where its two medians, half a session apart, agree within this."""
LEAST_NETWORKS, ENOUGH_CHECKED = 8, 10


def profile_cpu(
    name: str, journal: Path, *, minutes: float, threads: int = 1, seed: int = 0,
    listener: Listener = lambda _: None,
) -> DeviceProfile:  # fmt: skip
    """Measure for ``minutes`` (what ``journal`` already holds counts), fit and check. PyTorch, eager, float32, batch 1.

    Raises MeasurementError where the journal is another machine's, or too little could be measured.
    """
    seconds = 60 * minutes
    record = Journal(journal, settings(threads))
    Session(record, seconds - max(LEAST_FIT_S, FIT_SHARE * seconds), threads=threads, seed=seed).run(listener)
    return assemble(name, record.entries, threads)


def settings(threads: int) -> dict[str, Any]:
    """What measurements must share to serve one profile."""
    hardware = describe_hardware("cpu")
    facts = {key: hardware[key] for key in ("processor", "cores")}
    return {"format": 1, **facts, **describe_software("torch"), "runtime": "torch", "threads": threads}


def assemble(name: str, entries: Sequence[Entry], threads: int) -> DeviceProfile:
    """The profile that the entries give."""
    fit = [e for e in entries if e.split == FIT]
    if len(fit) < LEAST_NETWORKS:
        raise MeasurementError(f"{len(fit)} networks are too few for a profile (at least {LEAST_NETWORKS}): more time")
    speed = slowdown(entries)
    rows = [e.row_ms / s for e, s in zip(entries, speed, strict=True) if e.split == FIT and e.row_ms is not None]
    data = unit_data([e.table for e in fit], rows)
    model = fit_cost_model(data)
    hardware, now = describe_hardware("cpu"), datetime.now(UTC).isoformat(timespec="seconds")
    runtime = {
        "name": "torch", "mode": "eager", "dtype": "float32", "batch": 1, "threads": threads,
        "clock": "processor time" if threads == 1 else "wall clock", **describe_software("torch"),
    }  # fmt: skip
    title = f"{hardware['processor']}, PyTorch eager, {threads} thread{'s' if threads > 1 else ''}, float32"
    profile = DeviceProfile(
        name=name, title=title, source="measured", fusion="operators", latency=model, hardware=hardware,
        runtime=runtime, created=now,
    )  # fmt: skip
    rows_checked = checked(profile, entries)
    evidence = {
        "measurements": len(data.ms), "networks": len(fit),
        "split": "whole networks that no unit was measured of, chosen by a hash of their names",
        **summary(rows_checked),
        "machine_speed": {"lowest": float(speed.min()), "highest": float(speed.max())}, "rows": rows_checked,
    }  # fmt: skip
    return replace(profile, latency=_with_sigma(model, rows_checked), evidence=evidence)


def slowdown(entries: Sequence[Entry]) -> FloatArray:
    """How much slower the machine was at each entry than at the median one, shape (entries,)."""
    reference = np.array([np.mean(e.reference_ms) for e in entries])
    return np.asarray(reference / np.median(reference))


def checked(profile: DeviceProfile, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every network of the check: predicted, measured, measured again (None: not yet), and whether it repeats."""
    found: dict[str, list[Entry]] = {}
    for e in entries:
        if e.split == CHECK:
            found.setdefault(e.name, []).append(e)
    rows = []
    for name, (first, *more) in found.items():
        predicted = float(profile.predict(first.table).ms[0])
        again = more[0].latency_ms if more else None
        measured = float(np.mean([first.latency_ms, *([again] if again else [])]))
        repeats = again is not None and abs(again / first.latency_ms - 1) <= STEADY
        rows.append(
            {
                "name": name, "source": first.source, "predicted_ms": round(predicted, 4),
                "measured_ms": round(measured, 4), "first_ms": round(first.latency_ms, 4),
                "again_ms": None if again is None else round(again, 4), "repeats": repeats,
            }
        )  # fmt: skip
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """MAPE, shares within 5 and 10 %, worst tenth and Kendall's tau over the check; over those that repeat, too."""
    steady = [r for r in rows if r["repeats"]]
    return {**_figures(rows), "repeating": {**_figures(steady), "within_of_repeat": STEADY}}


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    from scipy.stats import kendalltau

    if not rows:
        return {"checked": 0}
    predicted, measured = (np.array([r[k] for r in rows]) for k in ("predicted_ms", "measured_ms"))
    error = np.abs(predicted / measured - 1)
    tau = float(kendalltau(predicted, measured).statistic) if len(rows) > 2 else None
    return {
        "checked": len(rows), "mape": round(float(error.mean()), 4), "within5": round(float((error <= 0.05).mean()), 4),
        "within10": round(float((error <= 0.1).mean()), 4), "tau": None if tau is None else round(tau, 4),
        "worst_decile": round(float(np.quantile(error, 0.9)), 4),
    }  # fmt: skip


def _with_sigma(model: CostModel, rows: Sequence[dict[str, Any]]) -> CostModel:
    """The check says how far a network's sum is off; with few networks in it, cross-validation has a say too."""
    if len(rows) < 3:
        return model
    found = spread(np.log([r["predicted_ms"] / r["measured_ms"] for r in rows]))
    sigma = found if len(rows) >= ENOUGH_CHECKED else max(model.calibration.sigma, found)
    return replace(model, calibration=replace(model.calibration, sigma=sigma))
