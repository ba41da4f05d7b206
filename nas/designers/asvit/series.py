"""Series: the networks that one scaling grew, from the seed to the budget. Imports no torch until one is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.designers.asvit.seeds import merging_product
from nas.errors import NasError
from search_spaces import Architecture, get_space
from search_spaces.asvit import AsViT, released

if TYPE_CHECKING:
    from torch import nn

NETWORK_KEYS = ("step", "id", "genotype", "depth", "width", "macs", "params", "le", "ntk", "merging", "candidates")


@dataclass(frozen=True)
class Network:
    """One of a series. ``le`` and ``ntk`` are of its quarter-width form, None where that could not be judged.

    ``candidates``: how many it was chosen from.
    """

    architecture: Architecture
    macs: int
    params: int
    le: float | None
    ntk: float | None
    candidates: int

    @property
    def genotype(self) -> str:
        """As ``space.from_released`` reads it."""
        return released.write(self.architecture.config)

    @property
    def depth(self) -> int:
        """Blocks of all stages."""
        return sum(stage["depth"] for stage in self.architecture.config["stages"])

    @property
    def merging(self) -> int:
        """K2 K3 K4, the trivial score beside LE."""
        return merging_product(self.architecture.config)

    def document(self, step: int) -> dict[str, Any]:
        """Plain data."""
        values = {"step": step, "id": self.architecture.id, "width": self.architecture.config["width"]}
        return {key: values[key] if key in values else getattr(self, key) for key in NETWORK_KEYS}


@dataclass(frozen=True)
class Series:
    """``networks`` from the seed on, each larger than the one before; the last is the largest within the budget.

    ``tau``: Kendall's between LE and K2 K3 K4 over the ``judged`` seeds, of which ``failed`` had no value. ``ended``
    says why there is no larger network. ``reproducible``: whether the same question gives the same series.
    """

    networks: tuple[Network, ...]
    judged: int
    failed: int
    tau: float | None
    ended: str
    reproducible: bool
    path: Path

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def largest(self) -> Network:
        """The last network."""
        return self.networks[-1]

    def space(self) -> AsViT:
        """The space that all of them belong to."""
        architecture = self.largest.architecture
        side = architecture.config["resolution"]
        return get_space("asvit", img_size=side, **architecture.options)  # type: ignore[return-value]

    def build(self, step: int = -1) -> nn.Module:
        """A fresh PyTorch module of a network; the largest unless told otherwise. Raises NasError."""
        if not -len(self) <= step < len(self):
            raise NasError(f"the series has steps 0 to {len(self) - 1}, got {step}")
        return self.space().model(self.networks[step].architecture)

    def document(self) -> dict[str, Any]:
        """``series.json`` and what ``nas scale --json`` prints."""
        return {
            "networks": [network.document(i) for i, network in enumerate(self.networks)], "judged": self.judged,
            "failed": self.failed, "tau_le_merging": self.tau, "ended": self.ended,
            "reproducible": self.reproducible,
        }  # fmt: skip

    @classmethod
    def of_document(cls, path: Path, document: Mapping[str, Any], architectures: Sequence[Architecture]) -> Series:
        """The inverse of :meth:`document`. Raises KeyError, TypeError or ValueError on anything else."""
        rows = zip(document["networks"], architectures, strict=True)
        networks = tuple(Network(a, *(r[k] for k in ("macs", "params", "le", "ntk", "candidates"))) for r, a in rows)
        names = ("judged", "failed", "ended", "reproducible")
        return cls(networks, tau=document["tau_le_merging"], path=path, **{name: document[name] for name in names})
