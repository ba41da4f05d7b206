"""What a person sees of a design: how it is found, stage by stage, and what limits it."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from nas.cli.output import console, duration, quantity, table

if TYPE_CHECKING:
    from nas.designers.design import Design

EVERY_S = 2.0
"""Seconds between plain lines, unless something moved."""
BAR = 24
NOTHING = "nothing"
WORTH = 0.05
"""A limit binds where 1 % more of it would buy at least so many points of the objective."""


def figures(objective: float | None, bound: float, gap: float) -> str:
    """Incumbent, bound and gap in words."""
    best = "no design yet" if objective is None else f"best {objective:,.2f}"
    known = "no bound yet" if not math.isfinite(bound) else f"bound {bound:,.2f}"
    return f"{best}, {known}" + (f", gap {gap:.2%}" if math.isfinite(gap) else "")


class Moves:
    """Progress: one line that is written over on a terminal; elsewhere a line when something moved."""

    def __init__(self, stderr: bool = False, label: str = "") -> None:
        self._stream = sys.stderr if stderr else sys.stdout
        self._live = self._stream.isatty()
        self._last, self._said, self._label = -math.inf, "", label

    def __enter__(self) -> Moves:
        return self

    def __exit__(self, *rest: object) -> None:
        if self._live and self._said:
            print(file=self._stream)

    def __call__(self, seconds: float, objective: float | None, bound: float, gap: float) -> None:
        """Say where the solver is."""
        text, now = figures(objective, bound, gap), time.monotonic()
        if not self._live and (
            objective is None or text == self._said or (self._said and now - self._last < EVERY_S and gap > 1e-6)
        ):
            return
        self._last, self._said = now, text
        start, end = ("\r\x1b[2K", "") if self._live else ("", "\n")
        print(f"{start}{self._label}[{seconds:5.1f} s] {text}", end=end, file=self._stream, flush=True)


def verdict(design: Design) -> str:
    """The proof in a sentence."""
    if not math.isfinite(design.gap):
        return "No bound yet: give it more --time to learn how far from the optimum this is."
    if design.gap <= 1e-6:
        return "Proven optimal: no network of the grid is better."
    return f"At most {design.gap:.2%} from the optimum: no network of the grid exceeds {design.bound:,.2f}."


def show_design(design: Design) -> None:
    """Print everything about one design."""
    out = console()
    stopped = "interrupted after" if design.interrupted else "after"
    out.print(
        f"Objective {design.objective:,.2f} (score {design.score:,.2f} - depth penalty {design.penalty:.2f}), "
        f"{stopped} {duration(design.seconds)}",
        style="bold",
    )
    out.print(verdict(design))
    out.print(stages(design))
    out.print(limits(design))


def stages(design: Design) -> Any:
    """The design stage by stage, with a bar for each stage's share of the MACs."""
    space, architecture = design.space(), design.architecture()
    priced = dict(space.operators(architecture).by_stage())
    total = sum(int(part.macs[0]) for part in priced.values())
    rows = []
    for s in space.summary(architecture):
        macs, params = int(priced[s.name].macs[0]), int(priced[s.name].params[0])
        bar = "█" * max(1, round(BAR * macs / total))
        cells = [str(s.depth), str(s.width), s.detail, f"{s.side} x {s.side}"]
        rows.append([s.name, *cells, quantity("macs", macs, False), quantity("params", params, False), bar])
    price = space.price_architecture(architecture)
    rows.append(["total", "", "", "", "", *(quantity(c, price[c], False) for c in ("macs", "params")), ""])
    columns = ["stage", "blocks", "width", "detail", "output", "MACs (M)", "Params (M)", "share of MACs"]
    return table(columns, rows, left=("detail", "share of MACs"))


def limits(design: Design) -> Any:
    """Which limits bind and what 1 % more of each would buy."""
    rows = []
    for name, (value, limit) in design.constraints.items():
        gain = bought(design.prices.get(name, 0.0))
        cells = [title(name), number(name, value), number(name, limit), f"{value / limit:.1%}"]
        rows.append([*cells, "slack" if gain == NOTHING else "binds", gain])
    return table(["limit", "design", "at most", "used", "", "1 % more would buy"], rows)


def bought(price: float) -> str:
    """Objective points, nothing where they round to nothing."""
    return f"about {price:+,.1f}" if price >= WORTH else NOTHING


def title(name: str) -> str:
    """A limit as people name it."""
    return {"macs": "MACs", "released_flops": "FLOPs (released)", "params": "parameters"}.get(name, name)


def number(name: str, value: float) -> str:
    """A limit's value with its unit."""
    names = {"released_flops": "macs"}
    return f"{value:.4f}" if name == "rho" else quantity(names.get(name, name), value)
