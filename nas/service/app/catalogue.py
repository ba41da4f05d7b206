"""What can be asked for: spaces, devices, proxies, each with its evidence; and prices."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.responses import Response

from nas.cli.output import plain
from nas.errors import NasError
from nas.service.app.documented import not_modified, problems
from nas.service.app.documents import DeviceBody, PriceBody, ProxyBody, SpaceBody, SpaceLine
from nas.service.app.state import Reader
from nas.service.app.wire import dumps, json_response, tagged, unchanged
from nas.service.security.hiding import hide_in

router = APIRouter(tags=["catalogue"], dependencies=[Reader])
Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$", description="Its name.")]
ONE = problems(404, 422) | not_modified()


def _result(request: Request, document: Any) -> Response:
    text = dumps(hide_in(plain(document)))
    return _text(request, text)


def _text(request: Request, text: str) -> Response:
    tag = f'"{sha256(text.encode()).hexdigest()[:16]}"'
    return unchanged(request, tag) or json_response(text, headers=tagged(tag))


@router.get("/spaces", response_model=list[SpaceLine], responses=problems() | not_modified(), summary="List spaces")
def spaces(request: Request) -> Response:
    """What can be searched: `nas spaces`."""
    return _text(request, _spaces())


@cache
def _spaces() -> str:
    from nas.cli.spaces import space_line
    from search_spaces import list_spaces
    from search_spaces.registry import space_class

    return dumps(plain([space_line(name, space_class(name)) for name in list_spaces()]))


@router.get("/spaces/{name}", response_model=SpaceBody, responses=ONE, summary="One space")
def space(name: Name, request: Request) -> Response:
    """Choices, stages, exact size and bounds, published networks with their prices."""
    from search_spaces import list_spaces

    _known("space", name, list_spaces())
    return _text(request, _space(name))


@cache
def _space(name: str) -> str:
    from nas.cli.spaces import space_facts, space_line
    from search_spaces import get_space
    from search_spaces.registry import space_class

    kind = space_class(name)
    if kind.of_models:  # none to describe until a request names the models
        return dumps(space_line(name, kind) | {"source": kind.source, "rule": kind.rule_text})
    return dumps(plain(space_facts(get_space(name))))


@router.get("/devices", response_model=list[DeviceBody], responses=problems() | not_modified(), summary="List devices")
def devices(request: Request) -> Response:
    """Device profiles with their evidence: `nas devices`. One that cannot be read is left out."""
    from nas.cli.devices import device_facts
    from predictors.latency import ProfileError, list_profiles, load_profile

    found = []
    for name in list_profiles():
        try:
            found.append(device_facts(load_profile(name)))
        except ProfileError:
            continue
    return _result(request, found)


@router.get("/devices/{name}", response_model=DeviceBody, responses=ONE, summary="One device")
def device(name: Name, request: Request) -> Response:
    """Its profile's evidence, part by part."""
    from nas.cli.devices import device_facts
    from predictors.latency import list_profiles, load_profile

    _known("device", name, list_profiles())
    return _result(request, device_facts(load_profile(name)))


@router.get("/proxies", response_model=list[ProxyBody], responses=problems() | not_modified(), summary="List proxies")
def proxies(request: Request) -> Response:
    """Training-free scores with what each has been worth: `nas proxies`."""
    return _text(request, _proxies())


@cache
def _proxies() -> str:
    from nas.cli.proxies import proxy_facts
    from predictors.training_free import list_proxies

    return dumps(plain([proxy_facts(name) for name in list_proxies()]))


class PriceRequest(BaseModel):
    """An architecture: `arch`, a published network as `SPACE:NAME`, or `architecture`, what model.json holds."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"arch": "elasticvit:S1"}]},
    )  # fmt: skip
    arch: str | None = Field(default=None, max_length=200, examples=["elasticvit:S1"])
    architecture: dict[str, Any] | None = Field(default=None, description="`space`, `config`, `options`.")

    @model_validator(mode="after")
    def _one(self) -> PriceRequest:
        if (self.arch is None) == (self.architecture is None):
            raise ValueError("give arch or architecture, one of them")
        return self


@router.post("/price", response_model=PriceBody, responses=problems(400, 413, 422), summary="Price an architecture")
def price(wanted: PriceRequest) -> Response:
    """MACs, parameters, activations (elements) and peak memory (bytes) of one image, in all and by stage."""
    from nas.cli.price import price_facts

    space, architecture = _published(wanted.arch) if wanted.arch is not None else _given(wanted.architecture or {})
    return json_response(dumps(hide_in(plain(price_facts(space, architecture)))))


def _published(text: str) -> Any:
    from nas.sources import resolve
    from search_spaces import list_spaces

    name, colon, _ = text.partition(":")
    if not colon or name not in list_spaces() or "#" in text or "/" in text:
        raise NasError(
            f"{text[:80]!r} names no published network: write SPACE:NAME (spaces: {', '.join(list_spaces())})"
        )
    _of_itself(name)
    return resolve(text)


def _given(document: dict[str, Any]) -> Any:
    from search_spaces import Architecture, get_space

    given = Architecture.from_json(dumps(document))
    _of_itself(given.space)
    try:
        space = get_space(given.space, **given.options)
    except TypeError:
        raise NasError(f"options {given.settings:.80} are not those of {given.space}") from None
    return space, space.architecture(given.config)


def _of_itself(name: str) -> None:
    """NasError for a space of models that must be built first: that is a job, not an answer."""
    from search_spaces.registry import space_class

    if space_class(name).of_models:
        raise NasError(f"{name} is made of models: its architectures are priced by a run of it")


def _known(kind: str, name: str, names: list[str]) -> None:
    from search_spaces.errors import unknown_name

    if name not in names:
        raise HTTPException(404, str(unknown_name(kind, name, names)))
