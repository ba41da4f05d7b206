"""SearchSpec: everything that determines the result of a search, as a JSON-able value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas.budget import Budget
from nas.devices import DeviceQuantity, device_quantities
from nas.errors import NasError
from nas.objectives import DEFAULT_OBJECTIVES, DEFAULT_PROXIES, Objective, get_objectives
from search_spaces import SearchSpace, get_space

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile

ENUMERATED = 100_000
"""Spaces of up to so many combinations are priced whole, not evolved."""


@dataclass(frozen=True)
class SearchSpec:
    """The inputs of a search. Workers, paths and time are no part of it: they must not change the result.

    ``candidates`` are table-priced; ``promote`` of them at most are judged by the proxies at each of the two
    promotions (at half of the generations, half as many, and after the last). ``devices`` holds the profile, as data,
    of every device that a budget or an objective names: a profile that changes later changes no run.
    """

    space: str
    space_options: dict[str, Any] = field(default_factory=dict)
    budgets: tuple[str, ...] = ()
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    proxies: tuple[str, ...] = DEFAULT_PROXIES
    candidates: int = 200_000
    islands: int = 2
    seed: int = 0
    population: int = 256
    migrate_every: int = 10
    migrants: int = 16
    promote: int = 32
    devices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low in (("candidates", 1), ("islands", 1), ("seed", 0), ("population", 4), ("promote", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise NasError(f"{name} must be a whole number of at least {low}, got {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``run.json``."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SearchSpec:
        """The inverse of :meth:`to_dict`. Raises NasError on anything else."""
        try:
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
            return cls(**fields)
        except (TypeError, AttributeError) as error:
            raise NasError(f"not the description of a search: {error}") from None

    @cached_property
    def search_space(self) -> SearchSpace:
        """The space itself, made once; it prices the devices asked for too. Raises UnknownName, SpaceError."""
        space = get_space(self.space, **self.space_options)
        if self.device_quantities:
            space.attach(*(q.cost(self.profiles[q.device]) for q in self.device_quantities.values()))
        return space

    @cached_property
    def profiles(self) -> dict[str, DeviceProfile]:
        """The profiles of :attr:`devices`, read and checked."""
        from predictors.latency import DeviceProfile

        return {name: DeviceProfile.from_json(document, name) for name, document in self.devices.items()}

    @cached_property
    def device_quantities(self) -> dict[str, DeviceQuantity]:
        """What budgets and objectives ask of devices, by name."""
        return device_quantities([*self.budget.intervals, *self.objectives])

    @cached_property
    def budget(self) -> Budget:
        """The parsed budgets."""
        return Budget.parse(self.budgets)

    @cached_property
    def objective_list(self) -> tuple[Objective, ...]:
        """The chosen objectives, in order."""
        return get_objectives(self.objectives)

    @cached_property
    def judges(self) -> tuple[str, ...]:
        """Every proxy to compute: those that are objectives, then the others."""
        return tuple(dict.fromkeys([*(o.name for o in self.objective_list if o.cost != "table"), *self.proxies]))

    @cached_property
    def explored(self) -> tuple[Objective, ...]:
        """The table objectives that evolution minimises; the default pair where proxies alone were asked for."""
        table = tuple(o for o in self.objective_list if o.cost == "table")
        return table or get_objectives(None)

    @property
    def generations(self) -> int:
        """Generations after the first (number 0), the same on every island."""
        per_generation = self.population * self.islands
        return max(0, -(-self.candidates // per_generation) - 1)

    @property
    def promotions(self) -> tuple[tuple[int, int], ...]:
        """(generation, how many at most) at which survivors of the merged archive go on to the proxies."""
        last = self.generations
        if last < 4:
            return ((last, self.promote),)
        return ((last // 2, max(1, self.promote // 2)), (last, self.promote))
