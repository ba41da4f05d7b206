"""A series of vision transformers grown up to a budget, as ``nas scale``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue

from nas.service.requests.base import Base, Options, Seed, Text, Texts, space_arguments
from nas.service.requests.places import Places, data_paths
from nas.service.store.submitting import Demand

EXAMPLES: list[JsonValue] = [
    {"kind": "scale", "budget": ["5GFLOPs"]},
    {"kind": "scale", "budget": ["5GFLOPs", "30Mparams"], "evaluations": 32, "options": {"num_classes": 10}},
]


class ScaleRequest(Base):
    """Find a seed topology of the asvit space and grow it up to a budget, without training (As-ViT)."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("scale",)
    FLAGS: ClassVar = {"kind": "", "options": ""}

    kind: Literal["scale"] = "scale"
    budget: Texts = Field(min_length=1, description="Upper limits such as 5GFLOPs, 30Mparams.")
    protocol: Literal["default", "paper"] = Field("default", description="paper: as published, for hours.")
    evaluations: int | None = Field(None, ge=1, le=1_000_000, description="Seed topologies to judge.")
    minutes: float | None = Field(None, gt=0, le=100_000, description="Ends the search of seeds; not reproducible.")
    data: Text | None = Field(None, description="Images for the NTK: digits or ROOT/FILE.npz; default noise.")
    seed: Seed = 0
    options: Options = Field({}, description="Options of the space, such as num_classes.")

    def demand(self) -> Demand:
        """Its time limit, if it has one."""
        return Demand(candidates=self.evaluations, seconds=None if self.minutes is None else 60 * self.minutes)

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: budget, protocol, options, data that is not there."""
        from dataclasses import replace

        replace(self.question(places or Places()), data=None).check()  # reading the images is the runner's

    def paths(self) -> tuple[str, ...]:
        """Its data."""
        return data_paths(self.data)

    def question(self, places: Places) -> Any:
        """The scaling as its designer takes it. Raises NasError."""
        from nas.budget import Budget
        from nas.designers.asvit.question import Question

        data = None if self.data is None else places.data(self.data)
        texts = Budget.parse(self.budget).texts
        return Question(
            texts, self.protocol, self.evaluations, self.minutes, self.seed, data, dict(self.options)
        )  # fmt: skip

    def more_arguments(self) -> list[str]:
        """Options of the space."""
        return space_arguments(self.options)
