"""A training, of a whole space or of one architecture, as ``nas train``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from nas.service.requests.base import Options, Text, Word, no_code, space_arguments
from nas.service.requests.places import JOB, Places
from nas.service.requests.training import SETTINGS, Training

EXAMPLES: list[JsonValue] = [
    {"kind": "train", "space": "elasticvit-small", "data": "digits", "epochs": 5, "sampler": "sandwich"},
    {"kind": "train", "architecture": "elasticvit:S1", "data": "digits", "epochs": 5},
]


class TrainRequest(Training):
    """Train a whole search space at once (``space``), or one architecture from scratch (``architecture``)."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("train",)
    FLAGS: ClassVar = {"kind": "", "architecture": "", "options": "", "index": ""}

    kind: Literal["train"] = "train"
    space: Word | None = Field(None, description="Train this whole space as a supernet.")
    architecture: Text | dict[Word, Any] | None = Field(
        None, description="SPACE:NAME (a published network), the id of a job with a front, or an architecture's JSON."
    )
    index: int | None = Field(None, ge=0, le=100_000, description="Row of that job's front; default: recommended.")
    sampler: Word = Field("uniform", description="Of the subnets of a space: uniform, sandwich, elasticvit, ...")
    epochs: int | None = Field(None, ge=1, le=100_000, description="Passes over the training images.")
    mixup: float = Field(0.0, ge=0, lt=2)
    cutmix: float = Field(0.0, ge=0, lt=2)
    options: Options = Field({}, description="Options of the space, with space.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.space is None) == (self.architecture is None):
            raise ValueError("say what to train: either architecture (one network) or space (a supernet of it all)")
        if self.space is None and self.options:
            raise ValueError("options are those of a space that is trained; an architecture has its own")
        given = self.architecture.get("options") if isinstance(self.architecture, dict) else None
        if isinstance(given, dict):
            no_code(given)
        return self

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: names, settings, and data that is not there."""
        from nas.training.samplers.registry import SAMPLERS
        from nas.training.settings import Settings
        from search_spaces import get_space
        from search_spaces.errors import unknown_name

        places = places or Places()
        Settings(**self.chosen(places))
        places.data(self.data)
        if self.space is None:
            self.network(places)
            return
        get_space(self.space, **self.options)
        if self.sampler not in SAMPLERS:
            raise unknown_name("sampler", self.sampler, SAMPLERS)

    def chosen(self, places: Places) -> dict[str, Any]:
        """Settings as the trainer takes them. Raises NasError."""
        return self.settings(places, (*SETTINGS, "mixup", "cutmix", *(("sampler",) if self.space else ())))

    def network(self, places: Places) -> Any:
        """The one architecture to train; None where it is of a job and jobs are not known here. Raises NasError."""
        import json

        from nas.errors import NasError
        from nas.sources import resolve
        from search_spaces import Architecture, get_space

        given = self.architecture
        if isinstance(given, dict):
            found = Architecture.from_json(json.dumps(given))
            return get_space(found.space, **found.options).architecture(found.config)
        text = str(given)
        if JOB.fullmatch(text):
            return self._of_job(text, places)
        space, colon, name = text.partition(":")
        if not colon or any(c in text for c in "/\\#") or text.endswith(".json"):
            raise NasError(f"{text!r:.80} names no architecture: write SPACE:NAME, the id of a job, or its JSON")
        return resolve(f"{space}:{name}")[1]

    def _of_job(self, identity: str, places: Places) -> Any:
        import json

        from search_spaces import Architecture, get_space

        if places.store is None:
            return None
        front = json.loads(places.store.front(identity)[1])
        row = self.index if self.index is not None else front.get("recommended") or 0
        known = json.loads(places.store.architecture(identity, row))
        found = Architecture.from_json(json.dumps({k: known[k] for k in ("space", "options", "config")}))
        return get_space(found.space, **found.options).architecture(found.config)

    def more_arguments(self) -> list[str]:
        """The architecture, the options of the space."""
        if isinstance(self.architecture, dict):
            return ["architecture.json"]
        if self.architecture is not None:
            return [self.architecture + (f"#{self.index}" if self.index is not None else "")]
        return space_arguments(self.options)
