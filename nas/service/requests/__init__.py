"""Requests for jobs, one model per kind, told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from nas.service.requests.design import DesignRequest
from nas.service.requests.places import Places
from nas.service.requests.profile import ProfileRequest
from nas.service.requests.scale import ScaleRequest
from nas.service.requests.search import SearchRequest
from nas.service.requests.stitch import StitchRequest
from nas.service.requests.train import TrainRequest
from search_spaces.errors import unknown_name

Request = SearchRequest | DesignRequest | ScaleRequest | StitchRequest | TrainRequest | ProfileRequest
KINDS: dict[str, type[Request]] = {
    "search": SearchRequest, "design": DesignRequest, "scale": ScaleRequest, "stitch": StitchRequest,
    "train": TrainRequest, "profile": ProfileRequest,
}  # fmt: skip
ADAPTER: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def parse(document: dict[str, Any]) -> Request:
    """A request from plain data with its ``kind``. Raises UnknownName for the kind, pydantic's ValidationError."""
    kind = document.get("kind")
    if kind not in KINDS:
        raise unknown_name("kind of job", str(kind)[:40], KINDS)
    return KINDS[kind].model_validate(document)


__all__ = [
    "ADAPTER", "KINDS", "DesignRequest", "Places", "ProfileRequest", "Request", "ScaleRequest", "SearchRequest",
    "StitchRequest", "TrainRequest", "parse",
]  # fmt: skip
