"""Names of proxies. One file in ``predictors/training_free/proxies`` is one proxy: the file's name is the proxy's.

Listing the names imports no proxy (and so no torch); :func:`get_proxy` imports the one file it needs. Other packages
register theirs under the entry-point group ``nas.proxies`` as ``name = "package.module:function"``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search_spaces.errors import NasError, unknown_name

if TYPE_CHECKING:
    from predictors.training_free.probe import Probe

ENTRY_POINT_GROUP = "nas.proxies"
PACKAGE = "predictors.training_free.proxies"

Needs = Literal["nothing", "random", "images", "labels"]
Cost = Literal["table", "forward", "backward", "jacobian", "hessian"]
Invariance = Literal["batch_order", "image_scale", "labels", "seed"]
Function = Callable[["Probe"], float]


@dataclass(frozen=True)
class Proxy:
    """A training-free score of a network at initialisation, with everything a reader needs to judge it.

    - ``needs``: what stands in the batch: nothing (the network alone), random images, real images, or images and
      labels. Random numbers stand in for images and labels that are not given, and the score is then another one.
    - ``equation``, ``source``: what is computed and who proposed it; ``departs``: where we differ from released code.
    - ``cost``: the dearest kind of pass over the network (``table``: none, it is not even built); ``uses``: parts of
      shared passes it reads (see ``passes``).
    - ``draws``: the random numbers that decide the value besides the weights, all from the seed; none: it is the same
      under every seed. ``repeats``: over how many draws it is a mean.
    - ``invariances``: what the value does not depend on; the contract suite checks each.
    """

    name: str
    function: Function
    direction: Literal["max", "min"]
    needs: Needs
    equation: str
    source: str
    departs: str
    cost: Cost
    uses: frozenset[str] = frozenset()
    invariances: frozenset[Invariance] = frozenset()
    draws: tuple[str, ...] = ()
    repeats: int = 1

    def __call__(self, probe: Probe) -> float:
        """The raw value for the network in ``probe``; may be NaN or infinite."""
        return self.function(probe)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


def proxy(
    *,
    needs: Needs,
    equation: str,
    source: str,
    departs: str,
    cost: Cost,
    direction: Literal["max", "min"] = "max",
    uses: tuple[str, ...] = (),
    invariances: tuple[Invariance, ...] = (),
    draws: tuple[str, ...] = (),
    repeats: int = 1,
) -> Callable[[Function], Proxy]:
    """Turn ``function(probe) -> float`` into the :class:`Proxy` of the same name."""

    def make(function: Function) -> Proxy:
        return Proxy(
            function.__name__, function, direction, needs, equation, source, departs, cost, frozenset(uses),
            frozenset(invariances), draws, repeats,
        )  # fmt: skip

    return make


@cache
def _targets() -> dict[str, str]:
    folder = str(Path(__file__).parent / "proxies")
    built_in = {m.name: f"{PACKAGE}.{m.name}:{m.name}" for m in pkgutil.iter_modules([folder])}
    return {e.name: e.value for e in entry_points(group=ENTRY_POINT_GROUP)} | built_in


def list_proxies() -> list[str]:
    """Names of every proxy that can be had here, sorted."""
    return sorted(_targets())


@cache
def get_proxy(name: str) -> Proxy:
    """The proxy called ``name``. Raises UnknownName, with a suggestion where one is close."""
    targets = _targets()
    if name not in targets:
        raise unknown_name("proxy", name, targets)
    module, _, attribute = targets[name].partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, Proxy):
        raise NasError(f"proxy {name!r}: {targets[name]} is a {type(found).__name__}; decorate it with @proxy(...)")
    return found
