"""What the requests that train share: the settings of ``nas.training.settings`` that they let a user choose."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nas.service.requests.base import Base, Seed, Text
from nas.service.requests.places import JOB, Places, data_paths

SETTINGS = ("epochs", "batch", "lr", "teacher", "precision", "clip", "augment", "seed")


class Training(Base):
    """A request that trains."""

    data: Text = Field(
        "digits", description="digits, or in a data root: ROOT/FILE.npz, ROOT/FOLDER, webdataset:ROOT/SHARDS."
    )
    batch: int = Field(64, ge=2, le=1_000_000, description="Images of a step.")
    lr: float | None = Field(None, gt=0, le=100, description="Peak learning rate of AdamW.")
    teacher: Text | None = Field(None, description="timm:NAME, or the id of a finished training of one network.")
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    clip: Text = Field("norm:1.0", description="Gradients: norm:1.0, agc:0.1 or none.")
    augment: Literal["auto", "none", "shift", "flip", "strong"] = "auto"
    seed: Seed = 0

    def paths(self) -> tuple[str, ...]:
        """Its data."""
        return data_paths(self.data)

    def settings(self, places: Places, names: tuple[str, ...] = SETTINGS) -> dict[str, Any]:
        """Those that were given, as ``Settings`` takes them. Raises NasError."""
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.teacher is not None:
            given["teacher"] = teacher(self.teacher, places)
        return given


def teacher(name: str, places: Places) -> str:
    """A teacher as the trainer takes it: a name of timm's, or the folder of a finished training. Raises NasError."""
    from nas.errors import NasError

    if name.startswith("timm:"):
        return name
    if not JOB.fullmatch(name):
        raise NasError(f"teacher {name!r:.80}: write timm:NAME, or the id of a finished training")
    job = places.job(name, "train")
    if job is not None and job.request.get("architecture") is None:
        raise NasError(f"teacher {name}: that job trained a whole space; a teacher is one network")
    return str(places.folder(name))
