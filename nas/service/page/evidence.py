"""What the pages on devices and proxies say: each with the measurements that stand behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from nas.report.formatting import MISSING, is_number, percent

FIGURES = {
    "mape": "MAPE", "within5": "within 5 %", "within10": "within 10 %", "worst_decile": "worst decile", "tau": "tau",
}  # fmt: skip
"""Figures of a device's held-out check, and what they are called."""


@dataclass(frozen=True)
class Device:
    """A device profile and its evidence, as texts. ``figures`` follow ``FIGURES``."""

    name: str
    title: str
    source: str
    created: str
    hardware: dict[str, str]
    runtime: dict[str, str]
    measurements: int | None
    split: str
    figures: list[str]
    within10: float | None
    parts: list[tuple[str, int | None, list[str]]]
    facts: dict[str, str]


def devices() -> list[Device]:
    """Every profile that can be read, by name. Profiles are files that may change: they are read each time."""
    from predictors.latency import ProfileError, list_profiles

    found = []
    for name in list_profiles():
        try:
            found.append(device(name))
        except ProfileError:
            continue
    return found


def device(name: str) -> Device:
    """The profile ``name``, one of those listed. Raises UnknownName (never reads a file that a name spells out)."""
    from predictors.latency import list_profiles, load_profile
    from search_spaces.errors import unknown_name

    known = list_profiles()
    if name not in known:
        raise unknown_name("device", name, known)
    profile = load_profile(name)
    evidence = profile.evidence
    kinds = [(kind, _count(part), _figures(part)) for kind, part in evidence.get("per_kind", {}).items()]
    return Device(
        profile.name, profile.title, profile.source, profile.created or "", _texts(profile.hardware),
        _texts(profile.runtime), _count(evidence), str(evidence.get("split", "")), _figures(evidence),
        evidence.get("within10"), kinds, _facts(evidence),
    )  # fmt: skip


def _facts(evidence: Mapping[str, Any]) -> dict[str, str]:
    said = {*FIGURES, "measurements", "split", "per_kind"}
    return {key.replace("_", " "): _text(value) for key, value in evidence.items() if key not in said}


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {str(k).replace("_", " "): str(v) for k, v in facts.items()}


def _count(part: Any) -> int | None:
    value = part.get("measurements") if isinstance(part, Mapping) else None
    return int(value) if value is not None and is_number(value) else None


def _figures(part: Any) -> list[str]:
    values = [part.get(name) if isinstance(part, Mapping) else None for name in FIGURES]
    return [_figure(name, value) for name, value in zip(FIGURES, values, strict=True)]


def _figure(name: str, value: Any) -> str:
    if not is_number(value):
        return MISSING
    return f"{value:.3f}" if name == "tau" else percent(value, 1)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k.replace('_', ' ')} {_text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return f"{len(value)} networks" if value and isinstance(value[0], Mapping) else ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Worth:
    """A proxy on one ground truth; from ``low`` to ``high`` is tau's 95 % interval."""

    target: str
    networks: int
    tau: float
    low: float
    high: float
    params: float
    macs: float
    verdict: str
    better: bool
    mean: bool


@dataclass(frozen=True)
class Proxy:
    """A training-free score and what it has been worth, by space."""

    name: str
    summary: str
    default: bool
    better: str
    cost: str
    equation: str
    source: str
    departs: str
    seconds: float | None
    means: dict[str, Worth]
    rows: dict[str, list[Worth]]


@cache
def proxies() -> tuple[Proxy, ...]:
    """All of them, the default first, then by what they are worth on the spaces where they were measured."""
    from predictors.training_free import list_proxies

    return tuple(sorted(map(_proxy, list_proxies()), key=lambda p: (not p.default, -_average(p), p.name)))


def _average(proxy: Proxy) -> float:
    taus = [worth.tau for worth in proxy.means.values()]
    return sum(taus) / len(taus) if taus else -1.0


def _proxy(name: str) -> Proxy:
    from predictors.training_free import DEFAULT_PROXIES, evidence, get_proxy, seconds

    proxy, rows = get_proxy(name), dict[str, list[Worth]]()
    for one in evidence(name):
        rows.setdefault(one.title, []).append(
            Worth(one.target, one.n, one.tau.value, one.tau.low, one.tau.high, one.params_tau, one.macs_tau,
                  one.verdict, one.beats_params, one.is_mean)
        )  # fmt: skip
    means = {space: next((w for w in found if w.mean), found[-1]) for space, found in rows.items()}
    return Proxy(
        name, proxy.summary, name in DEFAULT_PROXIES, proxy.direction, str(proxy.cost), proxy.equation, proxy.source,
        proxy.departs, seconds(name), means, rows,
    )  # fmt: skip


@cache
def baselines() -> dict[str, tuple[int, float, float, str]]:
    """By space: networks, tau of params, tau of MACs, and how the accuracies came about."""
    from predictors.training_free import evidence, protocols

    said = protocols()
    means = [e for e in evidence("params") if e.is_mean]
    return {e.title: (e.n, e.params_tau, e.macs_tau, said.get(e.space, "")) for e in means}
