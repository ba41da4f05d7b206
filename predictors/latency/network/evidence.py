"""How well a model of whole networks predicts those it never saw, and the standard errors that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictors.latency.costing import Z90, Calibration, CostModel
from predictors.latency.network.correction import NetworkCorrection
from predictors.latency.network.features import network_features
from predictors.latency.network.fitting import Fit, Networks, cost_model, fit
from search_spaces.operators import FloatArray

FOLDS = 10
COVERAGE = 0.9
DOUBTS = np.arange(0.0, 4.01, 0.25)


@dataclass(frozen=True)
class HeldOut:
    """For each network, from a fit without its group, arrays of shape (size,).

    ``ms`` is what it predicts, ``additive_ms`` without the correction; ``spread`` is the standard deviation of the
    members' logarithms, ``outside`` whether the network lies outside of the ranges.
    """

    ms: FloatArray
    additive_ms: FloatArray
    spread: FloatArray
    outside: NDArray[np.bool_]


def hold_out(data: Networks, groups: Sequence[str], *, folds: int = FOLDS, seed: int = 0) -> HeldOut:
    """Cross-validate: whole ``groups`` (of shape (size,): architectures, or families) are held out together."""
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[group]
    size = len(data.ms)
    out = HeldOut(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool))
    for k in range(folds):
        _predict(data, fit(data, fold != k, seed=seed), fold == k, out)
    return out


def _predict(data: Networks, found: Fit, held: NDArray[np.bool_], out: HeldOut) -> None:
    """Fill in the networks ``held`` out."""
    ms = data.unit_ms(found.prices)
    total = np.bincount(data.units.arch, ms, len(data.ms))[held]
    z = network_features(data.units, data.x, ms)[held]
    network = found.network()
    logs = network.logs(z)
    out.additive_ms[held], out.ms[held] = total, total * np.exp(logs.mean(axis=0))
    out.spread[held], out.outside[held] = logs.std(axis=0), np.asarray(network.outside(z).any(axis=1))


def finished(data: Networks, known: HeldOut, strange: HeldOut, *, seed: int = 0) -> CostModel:
    """The model of all networks, with standard errors such that 90 % of those held out lie in their intervals.

    ``known`` were held out by architecture, ``strange`` by family; both count alike. Of all combinations that cover,
    the one with the narrowest intervals is taken.
    """
    found = fit(data, np.ones(len(data.ms), dtype=bool), seed=seed)
    additive = _quantile(np.abs(np.log(known.additive_ms / data.ms)))
    network = errors(found, data.ms, known, strange)
    return cost_model(data, found, Calibration(1.0, additive), network)


def errors(found: Fit, truth: FloatArray, known: HeldOut, strange: HeldOut) -> NetworkCorrection:
    """The correction with its standard errors, see :func:`finished`."""
    off = [np.abs(np.log(h.ms / truth)) for h in (known, strange)]
    error, spread = np.concatenate(off), np.concatenate([known.spread, strange.spread])
    fits = [_sigma(error, spread, float(doubt)) for doubt in DOUBTS]
    sigma, doubt = min(fits, key=lambda pair: float(np.hypot(pair[0], pair[1] * spread).mean()))
    return found.network(sigma, doubt, max(_quantile(off[1]), sigma))


def coverage(network: NetworkCorrection, held: HeldOut, truth: FloatArray) -> float:
    """Share of the networks held out whose time lies in its 90 % interval."""
    width = np.hypot(network.sigma, network.doubt * held.spread)
    width = np.where(held.outside, np.maximum(width, network.sigma_outside), width)
    return float((np.abs(np.log(held.ms / truth)) <= Z90 * np.sqrt(np.log1p(width**2))).mean())


def _sigma(error: FloatArray, spread: FloatArray, doubt: float) -> tuple[float, float]:
    """The smallest sigma that covers 90 % of the errors with this doubt, and the doubt."""
    needed = np.sqrt(np.maximum((error / Z90) ** 2 - (doubt * spread) ** 2, 0.0))
    return float(np.quantile(needed, COVERAGE)), doubt


def _quantile(error: FloatArray) -> float:
    return float(np.quantile(error, COVERAGE)) / Z90
