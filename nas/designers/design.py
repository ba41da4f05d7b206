"""Design: what a designer hands back, as a frozen value. Imports no torch until it is built."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.designers.deepmad import Evaluation, Problem, Solution, Structure
from nas.designers.question import problem_again
from search_spaces import Architecture, get_space

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.convnet import ConvNet


@dataclass(frozen=True)
class Design:
    """A network, what it is worth, and how far it can at most be from the best one.

    ``objective = score - penalty`` is what was maximised, ``bound`` what no structure of the grid exceeds,
    ``gap = (bound - objective) / |objective|``; both are infinite where the time ended before there was a bound.
    ``macs`` and ``params`` are counted by the convention of the question: MACs and all parameters (sound), or the
    released code's FLOPs and the parameters without the classifier (released). ``prices``: objective points that
    1 % more of each limit would buy. ``certificate`` is what ``nas design verify`` reads.
    """

    structure: Structure
    objective: float
    score: float
    penalty: float
    bound: float
    gap: float
    macs: int
    params: int
    rho: float
    seconds: float
    prices: Mapping[str, float]
    interrupted: bool = False
    certificate: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, problem: Problem, found: Solution) -> Design:
        """What the solver found."""
        value = found.evaluation
        return cls(
            found.structure, value.objective, value.score, value.penalty, found.bound, found.gap,
            counted(problem, value)["macs"], counted(problem, value)["params"], value.rho, found.seconds,
            dict(found.prices), found.interrupted, found.certificate,
        )  # fmt: skip

    @cached_property
    def problem(self) -> Problem:
        """The question that this answers: grid, limits, convention."""
        return problem_again(self.certificate["problem"])

    @cached_property
    def constraints(self) -> dict[str, tuple[float, float]]:
        """Limit by limit: (value of the design, limit). Names are those of ``prices``."""
        found = self.problem.evaluate(self.structure)
        limits = {name: (found.amounts[name], limit) for name, limit in self.problem.budgets.items()}
        return limits | {"rho": (found.rho, self.problem.rho)}

    def document(self) -> dict[str, Any]:
        """What ``nas design --json`` prints; None where a bound is not known."""
        names = ("objective", "score", "penalty", "bound", "gap", "macs", "params", "rho", "seconds")
        values = {name: getattr(self, name) for name in names}
        known = {k: v if math.isfinite(v) else None for k, v in values.items()}
        return {**known, "structure": self.structure.to_json()}

    def space(self, **options: Any) -> ConvNet:
        """The ``convnet`` space of this family and image size; ``options`` such as ``num_classes=10``."""
        size = {"img_size": self.problem.resolution} | options
        return get_space("convnet", family=self.structure.family, **size)  # type: ignore[return-value]

    def architecture(self, **options: Any) -> Architecture:
        """The design in the ``convnet`` space; ``options`` as in :meth:`space`."""
        return self.space(**options).architecture(self.structure.to_json())

    def build(self, **options: Any) -> nn.Module:
        """A fresh PyTorch module; ``options`` as in :meth:`space`."""
        return self.space(**options).model(self.architecture(**options))

    def save(self, folder: str | Path) -> Path:
        """Write a new folder as a run's: report, front, architecture, certificate. Returns it. Raises RunError."""
        from nas.designers.folder import save

        path = Path(folder)
        return save([self], path.parent, path.name)

    def save_certificate(self, file: str | Path) -> Path:
        """Write the certificate alone. Raises OSError."""
        Path(file).write_text(json.dumps(self.certificate, allow_nan=False) + "\n", encoding="utf-8")
        return Path(file)


def counted(problem: Problem, found: Evaluation) -> dict[str, int]:
    """MACs and parameters by the convention's counting."""
    return {"macs": round(found.amounts[problem.convention.flops]), "params": round(found.amounts["params"])}
