"""What is asked of a scaling, as a value that a run directory keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.budget import Budget
from nas.designers.asvit.limits import Limits
from nas.designers.asvit.protocol import Protocol, get_protocol
from nas.errors import NasError, RunError
from search_spaces.asvit import AsViT

MOST_EVALUATIONS = 1_000_000


@dataclass(frozen=True)
class Question:
    """``evaluations``: seeds that are judged; ``minutes`` ends their search earlier. ``data``: images of the NTK.

    Workers and paths are no part of it: they do not change the answer (``minutes`` does).
    """

    budgets: tuple[str, ...]
    protocol: str = "default"
    evaluations: int | None = None
    minutes: float | None = None
    seed: int = 0
    data: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """NasError for whatever is wrong, before anything is written."""
        _ = self.judging
        for name, value, low, high in (
            ("evaluations", self.steps, 1, MOST_EVALUATIONS), ("seed", self.seed, 0, 2**63 - 1),
        ):  # fmt: skip
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise NasError(f"{name} must be a whole number from {low} to {high:,}, got {value!r:.40}")
        if self.minutes is not None and not 0 < self.minutes < float("inf"):
            raise NasError(f"minutes must be above 0, got {self.minutes!r:.40}")
        self.limits.check(self.space())
        self.images()

    @property
    def judging(self) -> Protocol:
        """The protocol. Raises UnknownName."""
        return get_protocol(self.protocol)

    @property
    def steps(self) -> int:
        """Seeds to judge: the protocol's own number unless another is asked for."""
        return self.judging.evaluations if self.evaluations is None else self.evaluations

    @property
    def limits(self) -> Limits:
        """The budget. Raises BudgetError."""
        return Limits(Budget.parse(self.budgets))

    def space(self) -> AsViT:
        """The space with these options. Raises SpaceError."""
        from search_spaces import get_space

        return get_space("asvit", **self.options)  # type: ignore[return-value]

    def images(self) -> NDArray[np.float32] | None:
        """The images of the NTK, shape (N, C, H, W); None for noise. Raises NasError."""
        if self.data is None:
            return None
        from nas.designers.asvit.images import ntk_images

        space = self.space()
        return ntk_images(self.data, self.judging.images, space.options["in_chans"], space.img_size)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``run.json``."""
        return {**asdict(self), "budgets": list(self.budgets), "options": dict(self.options)}

    @classmethod
    def from_dict(cls, data: Any) -> Question:
        """The inverse of :meth:`to_dict`. Raises NasError on anything else."""
        try:
            found = cls(**{**data, "budgets": tuple(data["budgets"])})
        except (TypeError, KeyError) as error:
            raise RunError(f"not the description of a scaling: {error!r:.200}") from None
        found.check()
        return found
