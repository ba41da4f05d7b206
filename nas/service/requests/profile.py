"""A device profile, as ``nas profile``: measured on a runner, or made of numbers that come with the request."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from nas.service.requests.base import Base, Word, written
from nas.service.requests.places import Places
from nas.service.store.submitting import Demand

EXAMPLES: list[JsonValue] = [
    {"kind": "profile", "out": "runner-cpu", "device": "cpu", "minutes": 2.0},
    {"kind": "profile", "out": "board", "peak_macs": 2e12, "bandwidth": 50e9, "overhead": 5e-6, "title": "A board"},
]
MOST_TABLE = 900_000
WAYS = {"device": "measure the runner", "table": "fit on measurements", "peak_macs": "of a datasheet"}


class ProfileRequest(Base):
    """Make a device profile: measure the runner's machine, or of measurements, or of a datasheet's three numbers."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("profile",)
    FLAGS: ClassVar = {"kind": "", "name": "", "table": "", "start": "--from", "peak_macs": "", "runtime": "--runtime"}

    kind: Literal["profile"] = "profile"
    out: Word = Field(description="The profile's name: letters, digits, '.', '_' and '-'.")
    device: Literal["cpu"] | None = Field(None, description="Measure the machine of the runner: cpu.")
    minutes: float = Field(10.0, ge=0.5, le=1440, description="With device: time to spend.")
    runtime: Literal["torch"] = Field("torch", description="With device: torch (eager PyTorch).")
    threads: int = Field(1, ge=1, le=1024, description="With device: CPU threads.")
    table: str | None = Field(None, max_length=MOST_TABLE, description="A CSV of measurements, as text.")
    grammar: Literal["nn-meter-blocks", "operators"] = Field("nn-meter-blocks", description="What its rows describe.")
    start: Word | None = Field(None, description="Few shots: adapt this device's profile; auto takes the closest.")
    peak_macs: float | None = Field(None, gt=0, le=1e21, description="Of a datasheet: multiply-accumulates per second.")
    bandwidth: float | None = Field(None, gt=0, le=1e18, description="Of a datasheet: bytes per second.")
    overhead: float = Field(0.0, ge=0, le=1e6, description="Of a datasheet: seconds to launch an operator.")
    title: Word | None = Field(None, description="What the device is.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in WAYS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"say where the profile comes from: one of {', '.join(WAYS)}")
        if (self.peak_macs is None) != (self.bandwidth is None):
            raise ValueError("a datasheet's profile needs peak_macs and bandwidth (and may have overhead)")
        if self.table is None and self.start is not None:
            raise ValueError("start goes with a table only")
        return self

    def demand(self) -> Demand:
        """The time to measure."""
        return Demand(seconds=60 * self.minutes if self.device is not None else None)

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: names."""
        from predictors.latency import list_profiles
        from predictors.latency.profile import check_name
        from search_spaces.errors import unknown_name

        check_name("out", self.out)
        if self.start not in (None, "auto") and self.start not in list_profiles():
            raise unknown_name("device", str(self.start), list_profiles())

    def more_arguments(self) -> list[str]:
        """The table's file, or the datasheet."""
        if self.table is not None:
            return ["--import", "table.csv"]
        return [] if self.peak_macs is None else ["--roofline", "--peak-macs", written(self.peak_macs)]
