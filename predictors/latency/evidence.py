"""How well a way of fitting predicts measurements that it has not seen, and the errors that a profile then states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.latency.costing import OTHER, Z90, CostModel
from predictors.latency.features import INDEX
from predictors.latency.fitting import WIDEST, Measurements, fit_additive, fit_models
from search_spaces.operators import FloatArray

Fit = Callable[[Measurements], CostModel]
FEWEST = 20
"""Held-out measurements from which on an error of a kind is its own, and not that of all together."""
SPLITS, HELD_SHARE = 3, 0.2


@dataclass(frozen=True)
class HeldOut:
    """Predictions for held-out measurements of all splits, one behind the other: arrays of shape (n,)."""

    truth: FloatArray
    found: FloatArray
    kind: NDArray[np.str_]
    label: NDArray[np.str_]
    split: NDArray[np.int64]

    @property
    def log_error(self) -> FloatArray:
        """Logarithm of prediction over truth."""
        return np.log(self.found / self.truth)


def unit_costs(model: CostModel, data: Measurements) -> FloatArray:
    """The cost of each measured unit by ``model``, calibrated, shape (n,)."""
    out = np.zeros(len(data))
    for kind in np.unique(data.kind):
        mask = data.kind == kind
        out[mask] = model.models.get(str(kind), model.models[OTHER]).cost(data.x[mask])
    return out * model.calibration.scale


def held_out(
    data: Measurements, groups: NDArray[Any], fit: Fit = fit_models, *, splits: int = SPLITS, seed: int = 0
) -> HeldOut:
    """Fit on a random four fifths of the ``groups`` (such as keys; shape (n,)), predict the rest, ``splits`` times."""
    parts = []
    for i, held in enumerate(_splits(groups, splits, seed)):
        if held.all() or not held.any():
            continue
        test = data.of(held)
        found = unit_costs(fit(data.of(~held)), test)
        parts.append((test.cost, found, test.kind, test.label, np.full(len(test), i)))
    if not parts:
        empty = np.zeros(0)
        return HeldOut(empty, empty, empty.astype(str), empty.astype(str), empty.astype(np.int64))
    return HeldOut(*(np.concatenate([p[i] for p in parts]) for i in range(5)))


def _splits(groups: NDArray[Any], splits: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    names, index = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        chosen = rng.permutation(len(names))[: round(HELD_SHARE * len(names))]
        yield np.isin(index, chosen)


def summary(held: HeldOut) -> dict[str, Any]:
    """Figures for a profile: mean absolute percentage error, shares within 5 and 10 %, tau, worst decile, per label.

    All are shares from 0 to 1 (``mape`` 0.02 is 2 %) and means over the splits; ``worst_decile`` is the relative error
    that a tenth of the units exceeds, and ``tau`` Kendall's, of predicted and measured cost.
    """
    figures = _mean([_figures(held, held.split == s) for s in np.unique(held.split)])
    labels = {str(name): held.label == name for name in np.unique(held.label)}
    per_kind = {
        name: _mean([_figures(held, mask & (held.split == s), tau=False) for s in np.unique(held.split[mask])])
        | {"measurements": int(mask.sum())}
        for name, mask in labels.items()
    }
    return {**figures, "per_kind": per_kind}


def _figures(held: HeldOut, mask: NDArray[np.bool_], tau: bool = True) -> dict[str, float]:
    error = np.abs(held.found[mask] / held.truth[mask] - 1)
    figures = {
        "mape": float(error.mean()), "within5": float((error <= 0.05).mean()),
        "within10": float((error <= 0.10).mean()), "worst_decile": float(np.quantile(error, 0.9)),
    }  # fmt: skip
    return figures | ({"tau": _tau(held.truth[mask], held.found[mask])} if tau else {})


def _tau(truth: FloatArray, found: FloatArray) -> float:
    from scipy.stats import kendalltau

    value = float(kendalltau(truth, found).statistic) if len(truth) > 1 else float("nan")
    return value if np.isfinite(value) else 0.0


def _mean(figures: list[dict[str, float]]) -> dict[str, float]:
    return {k: round(float(np.mean([f[k] for f in figures])), 6) for k in figures[0]} if figures else {}


def robust_sigma(log_error: FloatArray) -> float:
    """The standard error whose 90 % interval holds nine tenths of these errors."""
    return float(min(np.quantile(np.abs(log_error), 0.9) / Z90, 10.0)) if len(log_error) else WIDEST


def with_errors(model: CostModel, data: Measurements, held: HeldOut) -> CostModel:
    """``model`` with the errors that held-out measurements showed inside the measured range, and estimates outside."""
    everywhere = robust_sigma(held.log_error)
    strange = strange_kind_error(data)
    models = {}
    for kind, unit_model in model.models.items():
        own = held.log_error[held.kind == kind]
        sigma = robust_sigma(own) if len(own) >= FEWEST else everywhere
        outside = strange if kind == OTHER else extrapolation_error(data.of(data.kind == kind), strange)
        models[kind] = replace(unit_model, sigma=sigma, sigma_outside=max(outside, 2 * sigma))
    return replace(model, models=models)


def extrapolation_error(data: Measurements, unknown: float) -> float:
    """The error of predicting the largest three tenths of a kind (by MACs) from the rest; ``unknown`` for too few."""
    macs = data.x[:, INDEX["macs"]]
    small = macs <= np.quantile(macs, 0.7) if len(macs) else macs > 0
    if small.sum() < FEWEST or (~small).sum() < 5:
        return unknown
    model = fit_models(data.of(small), trees=False)
    return robust_sigma(np.log(unit_costs(model, data.of(~small)) / data.cost[~small]))


def strange_kind_error(data: Measurements) -> float:
    """The error of pricing each kind from the others' measurements; :data:`WIDEST` where there is one kind only."""
    errors = []
    for kind in np.unique(data.kind):
        own = data.kind == kind
        if own.all():
            return WIDEST
        found = fit_additive(data.x[~own], data.cost[~own]).cost(data.x[own])
        errors.append(np.abs(np.log(np.maximum(found, 1e-9) / data.cost[own])).mean())
    return float(np.clip(np.mean(errors), 0.0, WIDEST)) if errors else WIDEST
