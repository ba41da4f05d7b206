"""A design by mathematical programming, as ``nas design deepmad``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue

from nas.service.requests.base import Base, Seed, Texts, Word, written
from nas.service.requests.places import Places
from nas.service.store.submitting import Demand

EXAMPLES: list[JsonValue] = [
    {"kind": "design", "family": "resnet", "budget": ["1.82GFLOPs", "11.69Mparams"], "gap": 0.02, "time_s": 20.0},
    {"kind": "design", "family": "mobilenet_se", "budget": ["4.5GFLOPs"], "sweep": "params=5M..30M:3", "time_s": 10.0},
]
Width = Annotated[int, Field(ge=1, le=65536)]
Values = Annotated[list[Width] | dict[str, Width], Field(max_length=1024)]


class DesignRequest(Base):
    """Solve for the CNN of the largest entropy under budgets; with a proof of how good it can at most get."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("design", "deepmad")
    FLAGS: ClassVar = {"kind": "", "time_s": "", "strides": "", "grid": ""}

    kind: Literal["design"] = "design"
    family: Word = Field("resnet", description="resnet, resnet_basic, mobilenet or mobilenet_se.")
    budget: Texts = Field([], description="Upper limits such as 1.82GFLOPs, 11.69Mparams.")
    rho: float | None = Field(None, gt=0, le=2, description="Depth per width; default 0.3, depthwise 0.5.")
    convention: Literal["sound", "released"] = Field("sound", description="Of the counts; released: as that code's.")
    gap: float = Field(0.005, ge=0, lt=1, description="Stop at this gap; 0: prove it optimal.")
    time_s: float = Field(60.0, gt=0, le=1_000_000, description="Seconds for it, or for each design of a sweep.")
    head: int | None = Field(None, ge=0, le=65536, description="Width of the 1x1 head; 0: none.")
    strides: list[Literal[1, 2]] | None = Field(None, max_length=16, description="Of the stages.")
    img_size: int = Field(224, ge=1, le=65536)
    seed: Seed = 0
    sweep: Word | None = Field(None, description="A front of designs: params=5M..50M:8 or macs=0.5G..5G:6.")
    grid: dict[Word, Any] | None = Field(
        None, max_length=16, description="Widths, kernels and depths to choose from; default: multiples of 8."
    )

    def demand(self) -> Demand:
        """The time of all designs."""
        return Demand(seconds=self.time_s * self.points())

    def points(self) -> int:
        """How many designs; 1 where the sweep cannot be read, which :meth:`check` says."""
        from nas.designers.sweep import Range
        from nas.errors import NasError

        try:
            return 1 if self.sweep is None else Range.parse(self.sweep).n
        except NasError:
            return 1

    def problem(self) -> Any:
        """The mathematical program. Raises NasError."""
        from nas.designers.question import problem_of
        from nas.designers.sweep import Range

        budget = self.budget or (None if self.sweep is None else [Range.parse(self.sweep).text(-1)])
        return problem_of(
            self.family, budget, rho=self.rho, convention=self.convention, grid=self.grid, strides=self.strides,
            head=self.head, img_size=self.img_size,
        )  # fmt: skip

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: names, budgets, and one that the smallest network exceeds already."""
        from nas.designers.deepmad.infeasible import explain
        from nas.designers.infeasible import explained, hopeless
        from nas.designers.sweep import Range, check_sweep

        problem = self.problem()
        if self.sweep is not None:
            check_sweep(problem, self.budget, Range.parse(self.sweep))
        elif hopeless(problem):
            raise explained(problem, explain(problem, proven=True, seed=self.seed), self.seed)

    def more_arguments(self) -> list[str]:
        """Time, strides; a grid is a file on the command line."""
        words = [] if self.time_s == 60.0 else ["--time", f"{written(self.time_s)}s"]
        if self.strides is not None:
            words += ["--strides", ",".join(map(str, self.strides))]
        return words + (["--grid", "grid.json"] if self.grid is not None else [])
