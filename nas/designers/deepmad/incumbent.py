"""From paths of the relaxation to structures, and the best one so far."""

from __future__ import annotations

from dataclasses import dataclass

from .evaluate import Evaluation
from .problem import Problem
from .relaxation import Path, Relaxation
from .structure import Conv, Stage, Structure
from .tables import Tables


@dataclass(frozen=True, slots=True)
class Incumbent:
    """A feasible structure with its exact evaluation."""

    structure: Structure
    evaluation: Evaluation

    @property
    def objective(self) -> float:
        """Score less penalty."""
        return self.evaluation.objective


def to_structure(problem: Problem, r: Relaxation, path: Path, depths: tuple[int, ...]) -> Structure:
    """The structure of a path on exact axes."""
    t, stages = r.tables, []
    for s, (x, arc) in enumerate(zip(r.layers, path.arcs, strict=True)):
        out, b, k = t.axes[s + 1].lo[x.arcs.out[arc]], t.bottleneck.lo[x.arcs.b[arc]], x.arcs.k[arc]
        stages.append(Stage(int(out), int(b), int(k), int(depths[s]), problem.strides[s]))
    head = Conv(problem.head, 1, 1) if problem.head else None
    return Structure(problem.family, Conv(int(t.axes[0].lo[path.widths[0]]), 3, 2), tuple(stages), head)


def better(problem: Problem, structure: Structure | None, best: Incumbent | None) -> Incumbent | None:
    """``structure`` if it is feasible by the literal evaluation and beats ``best``; else ``best``."""
    if structure is None or problem.violations(structure) or problem.off_grid(structure):
        return best
    found = Incumbent(structure, problem.evaluate(structure))
    return found if best is None or found.objective > best.objective else best


def locate(tables: Tables, structure: Structure, stages: list[int]) -> dict[int, int]:
    """The context a structure lies in: stage -> index of the interval that holds its width."""
    widths = [structure.stem.out, *(s.out for s in structure.stages)]
    return {s: int((tables.axes[s].lo <= widths[s]).sum()) - 1 for s in stages}
