"""What each proxy is worth, as measured: reads ``evidence.json``, which ``benchmarks/proxies.py`` writes.

Imports no torch, so that a report or a command line can show it at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SPACE_TITLES = {"autoformer": "AutoFormer", "pit": "PiT", "nasbench201": "NAS-Bench-201"}
MEAN = "mean of "
"""How the target of a record begins that averages over tasks."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


@dataclass(frozen=True)
class Spearman:
    """Spearman's rank correlation of a score, of params and of MACs, and what was published for the score, if any."""

    rho: Interval
    params_rho: float
    macs_rho: float
    published: float | None
    published_by: str


@dataclass(frozen=True)
class Evidence:
    """How well a score ranked ``n`` trained networks of a space by their accuracy on ``target``.

    ``tau`` is Kendall's tau-b, higher is better whatever the proxy's direction; ``over_params`` the paired difference
    to ranking by the number of parameters, whose own tau, like that of MACs, stands beside it. ``spearman`` is there
    where the literature states it.
    """

    space: str
    target: str
    n: int
    tau: Interval
    over_params: Interval
    params_tau: float
    macs_tau: float
    spearman: Spearman | None = None

    @property
    def beats_params(self) -> bool:
        """Whether the interval of the difference to params lies above 0."""
        return self.over_params.low > 0

    @property
    def is_mean(self) -> bool:
        """Whether this averages over tasks."""
        return self.target.startswith(MEAN)

    @property
    def verdict(self) -> str:
        """What to conclude, in four words at most."""
        return "better than params" if self.beats_params else "no better than params"

    @property
    def title(self) -> str:
        """The space's name as people write it."""
        return SPACE_TITLES.get(self.space, self.space)

    def __str__(self) -> str:
        beside = f"{self.n} nets; params {self.params_tau:+.2f}: {self.verdict}"
        return f"tau {self.tau} on {self.title}, {self.target} ({beside})"


@cache
def _file() -> dict[str, Any]:
    path = files("predictors.training_free").joinpath("evidence.json")
    return json.loads(path.read_text()) if path.is_file() else {}  # type: ignore[no-any-return]


def evidence(name: str) -> list[Evidence]:
    """Everything measured for the score ``name`` (a proxy, ``params`` or ``macs``); empty where nothing was."""
    return [_evidence(r) for r in _file().get("records", ()) if r["score"] == name]


def _evidence(r: dict[str, Any]) -> Evidence:
    return Evidence(
        r["space"], r["target"], r["n"], Interval(**r["tau"]), Interval(**r["over_params"]), r["params_tau"],
        r["macs_tau"], _spearman(r["spearman"]) if "spearman" in r else None,
    )  # fmt: skip


def _spearman(r: dict[str, Any]) -> Spearman:
    return Spearman(Interval(**r["rho"]), r["params_rho"], r["macs_rho"], r["published"], r["published_by"])


def protocols() -> dict[str, str]:
    """What the networks of each space saw, and what their accuracies are."""
    return dict(_file().get("protocols", {}))


def repeatability(name: str) -> dict[str, float]:
    """Kendall's tau over random ElasticViT subnets between two seeds, and with params and MACs; may be empty."""
    return dict(_file().get("repeatability", {}).get(name, {}))


def seconds(name: str) -> float | None:
    """Processor seconds to build and score one ElasticViT subnet of about 600 MMACs; None where nobody measured."""
    found = _file().get("cpu_seconds_at_600_mmacs", {}).get(name)
    return None if found is None else float(found)


def note(name: str) -> str:
    """One honest sentence to show beside a score."""
    means = [str(e) for e in evidence(name) if e.is_mean]
    if not means:
        return f"{name}: not measured against trained accuracies; treat its ranking as a guess."
    between = repeatability(name).get("between_seeds")
    repeat = f" Between two seeds on ElasticViT: tau {between:+.2f}." if between is not None else ""
    return f"{name}: " + "; ".join(means) + "." + repeat
