"""A front between pretrained networks, as ``nas stitch``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue

from nas.service.requests.base import Options, Text, space_arguments
from nas.service.requests.places import JOB, Places
from nas.service.requests.training import Training

EXAMPLES: list[JsonValue] = [
    {"kind": "stitch", "anchors": ["deit_tiny_patch16_224", "deit_small_patch16_224"], "data": "imagenet/2012"},
    {"kind": "stitch", "random_anchors": True, "data": "digits", "epochs": 1, "anchors": [
        "vit_tiny_patch16_224?patch_size=2&depth=2", "vit_small_patch16_224?patch_size=2&depth=2"]},
]  # fmt: skip
Anchor = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[A-Za-z0-9_.]+(\?[A-Za-z0-9_.=&-]*)?$")]


class StitchRequest(Training):
    """Stitch pretrained networks: every route between them in one net, trained together, the front of all routes."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})
    COMMAND: ClassVar = ("stitch",)
    FLAGS: ClassVar = {"kind": "", "anchors": "", "anchor_weights": "", "options": ""}

    kind: Literal["stitch"] = "stitch"
    anchors: list[Anchor] = Field(min_length=2, max_length=8, description="timm models, the smallest first.")
    two_way: bool = Field(False, description="Routes in both directions with one or two stitches (SN-Net v2).")
    rank: int = Field(0, ge=0, le=65536, description="Train stitching layers by updates of this rank; 0: whole.")
    sampler: Literal["routes", "ros"] = Field("routes", description="uniformly, or every level of cost equally often.")
    distillation: Literal["soft", "hard"] = Field("soft", description="What is learned from a teacher.")
    anchor_lr: float = Field(0.1, ge=0, le=1, description="Learning rate of the anchors, relative; 0 freezes them.")
    prune: bool = Field(False, description="Leave out routes that another beats in cost and least-squares residual.")
    anchor_weights: list[Text] | None = Field(
        None, max_length=8, description="Of each anchor: ROOT/FILE in a data root, or the id of a finished training."
    )
    random_anchors: bool = Field(False, description="Fresh weights, for a dry run.")
    num_images: int = Field(256, ge=1, le=1_000_000, description="Training images for least squares.")
    img_size: int | None = Field(None, ge=1, le=65536, description="Pixels of the images.")
    epochs: int | None = Field(None, ge=0, le=100_000, description="Passes over the training images; 0: none.")
    options: Options = Field({}, description="kernel, stride or released: options of the routes.")

    def paths(self) -> tuple[str, ...]:
        """Its data, and files of weights."""
        return (*super().paths(), *(w for w in self.anchor_weights or [] if not JOB.fullmatch(w)))

    def check(self, places: Places | None = None) -> None:
        """Raises NasError: names, settings, data and weights that are not there."""
        from nas.errors import NasError
        from nas.stitching.api import ROUTE_OPTIONS
        from nas.training.settings import Settings
        from search_spaces.errors import unknown_name

        places = places or Places()
        Settings(**{**self.chosen(places), "epochs": self.epochs or 1})
        places.data(self.data)
        self.weights(places)
        if self.anchor_weights is not None and len(self.anchor_weights) != len(self.anchors):
            raise NasError(f"{len(self.anchors)} anchors need as many anchor_weights, got {len(self.anchor_weights)}")
        for option in self.options:
            if option not in ROUTE_OPTIONS:
                raise unknown_name("option of the routes", option, ROUTE_OPTIONS)

    def chosen(self, places: Places) -> dict[str, Any]:
        """Settings as the trainer takes them. Raises NasError."""
        return self.settings(places)

    def weights(self, places: Places) -> list[str] | None:
        """The file or folder of each anchor's weights. Raises NasError."""
        return None if self.anchor_weights is None else [_weights(w, places) for w in self.anchor_weights]

    def more_arguments(self) -> list[str]:
        """Anchors, their weights, options."""
        words = ["--anchors", ",".join(self.anchors)]
        if self.anchor_weights is not None:
            words += ["--anchor-weights", ",".join(self.anchor_weights)]
        return words + space_arguments(self.options)


def _weights(name: str, places: Places) -> str:
    if not JOB.fullmatch(name):
        return str(places.file(name))
    places.job(name, "train")
    return str(places.folder(name))
