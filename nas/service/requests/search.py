"""A search of a space under a budget, as ``nas search``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from nas.service.requests.base import Base, JobId, Options, Seed, Texts, Word, space_arguments, written
from nas.service.requests.places import Places
from nas.service.store.submitting import Demand

EXAMPLES: list[JsonValue] = [
    {"kind": "search", "space": "elasticvit", "budget": ["600MFLOPs"]},
    {"kind": "search", "space": "elasticvit", "budget": ["400..600MFLOPs", "20ms@pixel6"], "candidates": 50_000,
     "promote": 8, "options": {"num_classes": 10}, "seed": 1, "name": "phone"},
]  # fmt: skip


OF_SPACE = ("space", "proxies", "candidates", "promote", "time_s", "islands", "options")
"""Fields that a search of a supernet has no use for."""


class SearchRequest(Base):
    """Find the best architectures of a space under a budget; recommend one."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("search",)
    FLAGS: ClassVar = {
        "kind": "", "objectives": "--objective", "proxies": "", "options": "", "time_s": "", "supernet": "",
        "evaluations": "",
    }  # fmt: skip

    kind: Literal["search"] = "search"
    space: Word = Field("elasticvit", description="Search space; GET /v1/spaces lists them.")
    budget: Texts = Field([], description="Limits such as 600MFLOPs (MACs), 400..600MFLOPs, 6Mparams, 20ms@pixel6.")
    objectives: Texts | None = Field(None, description="Goals; default capacity (up) and macs (down).")
    proxies: Texts | None = Field(None, description="Training-free judges; default two, [] for none.")
    candidates: int = Field(200_000, ge=1, le=100_000_000, description="Architectures to price in all.")
    promote: int = Field(32, ge=1, le=10_000, description="Survivors that the judges see at the end.")
    time_s: float | None = Field(None, gt=0, le=10_000_000, description="Stop by then, in seconds; not reproducible.")
    islands: int = Field(2, ge=1, le=64, description="Populations that exchange their best.")
    seed: Seed = 0
    options: Options = Field({}, description="Options of the space, such as num_classes or img_size.")
    supernet: JobId | None = Field(None, description="A finished training of a whole space: judge with its weights.")
    evaluations: int = Field(64, ge=1, le=100_000, description="Subnets to evaluate, with a supernet.")

    @model_validator(mode="after")
    def _used(self) -> Self:
        given = [n for n in OF_SPACE if getattr(self, n) != type(self).model_fields[n].default]
        if self.supernet is not None and given:
            raise ValueError(f"{given[0]} has no effect with supernet: leave it out")
        return self

    def demand(self) -> Demand:
        """Candidates, and the time limit."""
        return Demand(self.candidates, self.time_s)

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: names, options, and a budget that cannot be met."""
        from nas.errors import NasError
        from nas.service.requests.feasible import check_feasible

        if self.supernet is not None:
            job = (places or Places()).job(self.supernet, "train")
            if job is not None and job.request.get("space") is None:
                raise NasError(f"job {self.supernet} trained one network; a search needs one that trained a space")
            return
        spec = self.spec()
        if any(o.cost == "trained" for o in spec.objective_list):
            raise NasError("inherited accuracy needs a trained supernet: give supernet, the id of a finished training")
        check_feasible(spec)

    def spec(self) -> Any:
        """The search as the engine takes it."""
        from nas.budget import Budget
        from nas.devices import profile_documents
        from nas.engine.spec import SearchSpec

        limits = Budget.parse(self.budget)
        chosen = {"objectives": self.objectives, "proxies": self.proxies}
        given: dict[str, Any] = {k: tuple(v) for k, v in chosen.items() if v is not None}
        return SearchSpec(
            self.space, dict(self.options), limits.texts, candidates=self.candidates, islands=self.islands,
            seed=self.seed, promote=self.promote,
            devices=profile_documents([*limits.intervals, *given.get("objectives", ())]), **given,
        )  # fmt: skip

    def more_arguments(self) -> list[str]:
        """Judges, time, options, supernet."""
        words = ["--time", f"{written(self.time_s)}s"] if self.time_s is not None else []
        if self.proxies is not None:
            words += [w for p in self.proxies or ["none"] for w in ("--proxy", p)]
        if self.supernet is not None:
            words += ["--supernet", self.supernet, "--evaluations", str(self.evaluations)]
        return words + space_arguments(self.options)
