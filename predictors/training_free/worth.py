"""What each proxy is worth, as measured: reads ``evidence.json``, which ``benchmarks/proxies.py`` writes.

Imports no torch, so that a report or a command line can show it at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SPACE_TITLES = {"autoformer": "AutoFormer", "pit": "PiT"}
MEAN = "mean of 6 tasks"


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


@dataclass(frozen=True)
class Evidence:
    """How well a score ranked ``n`` trained networks of a space by their accuracy on ``target``.

    ``tau`` is Kendall's tau-b, higher is better whatever the proxy's direction; ``over_params`` the paired difference
    to ranking by the number of parameters, whose own tau, like that of MACs, stands beside it.
    """

    space: str
    target: str
    n: int
    tau: Interval
    over_params: Interval
    params_tau: float
    macs_tau: float

    @property
    def beats_params(self) -> bool:
        """Whether the interval of the difference to params lies above 0."""
        return self.over_params.low > 0

    def __str__(self) -> str:
        verdict = "better than params" if self.beats_params else "no better than params"
        title = SPACE_TITLES.get(self.space, self.space)
        return f"tau {self.tau} on {title}, {self.target} ({self.n} nets; params {self.params_tau:+.2f}: {verdict})"


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
        r["macs_tau"],
    )  # fmt: skip


def repeatability(name: str) -> dict[str, float]:
    """Kendall's tau over random ElasticViT subnets between two seeds, and with params and MACs; may be empty."""
    return dict(_file().get("repeatability", {}).get(name, {}))


def note(name: str) -> str:
    """One honest sentence to show beside a score."""
    means = [str(e) for e in evidence(name) if e.target == MEAN]
    if not means:
        return f"{name}: not measured against trained accuracies; treat its ranking as a guess."
    between = repeatability(name).get("between_seeds")
    repeat = f" Between two seeds on ElasticViT: tau {between:+.2f}." if between is not None else ""
    return f"{name}: " + "; ".join(means) + "." + repeat
