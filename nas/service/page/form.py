"""What a form says, as a request: the one reader of form data, for the preview, for submitting and without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError

from nas.errors import BudgetError, BudgetInfeasible, NasError, ObjectiveError
from nas.service.page.fields import Field, fields
from nas.service.requests import KINDS, Request

MOST_FIELDS = 200
Filled = Mapping[str, Sequence[str]]


class FormError(NasError):
    """A form that says something wrong. ``data``: ``errors``, by field; "" for what concerns all of it."""


def decode(body: bytes) -> dict[str, list[str]]:
    """A form's body, as browsers send it."""
    text = body.decode("utf-8", "replace")
    return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)


def read(filled: Filled) -> Request:
    """The request that a form makes. Raises FormError."""
    kind = (filled.get("kind") or [""])[0]
    if kind not in KINDS:
        raise FormError(f"there is no kind of job {kind[:40]!r}", errors={"": "choose a kind of job"})
    model = KINDS[kind]
    found = {one.name: (one, _value(one, filled.get(one.name, ()))) for one in fields(kind, model)}
    asked = {name: value for name, (one, value) in found.items() if value != one.default and not _usual(one, value)}
    try:
        return model.model_validate({"kind": kind, **asked})
    except ValidationError as error:
        raise FormError("the form is not complete", errors=_messages(error)) from None


def _usual(one: Field, value: Any) -> bool:
    """Whether a choice of several is what none stands for; boxes are read in the order of the page."""
    return bool(one.usual) and isinstance(value, list) and sorted(value) == sorted(one.usual)


def _messages(error: ValidationError) -> dict[str, str]:
    """The first message of every field, in the service's own words."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        place = str(one["loc"][0]) if one["loc"] else ""
        found.setdefault(place, one["msg"].removeprefix("Value error, "))
    return found


def _value(one: Field, texts: Sequence[str]) -> Any:
    given = [text.strip() for text in texts if text.strip()]
    if one.shape == "tick":
        return bool(given)
    if not given:
        return one.default
    if one.shape in ("list", "several"):
        return _several(one, given)
    if one.shape == "pairs":
        return _pairs(given[0])
    return _number(given[0], one.shape == "whole") if one.shape in ("whole", "number") else given[0]


def _several(one: Field, given: Sequence[str]) -> list[Any] | None:
    words: list[Any] = [word.strip() for text in given for word in text.split(",") if word.strip()]
    if one.name == "strides":
        return [_number(word, True) for word in words]
    return [] if words == ["none"] else words


def _pairs(text: str) -> dict[str, Any]:
    """``a=1, b=small``; a value that is a JSON number or boolean is one. What cannot be read is left for the model."""
    found: dict[str, Any] = {}
    for pair in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = pair.partition("=")
        try:
            read = json.loads(value)
        except ValueError:
            read = value.strip()
        found[name.strip()] = read if isinstance(read, (bool, int, float)) else value.strip()
    return found


def _number(text: str, whole: bool) -> Any:
    """As the model wants it; what is no number stays text, which the model then says."""
    try:
        return int(text.replace("_", "").replace(" ", "")) if whole else float(text)
    except ValueError:
        return text


def errors_of(error: NasError, filled: Filled) -> dict[str, str]:
    """Where in the form an error belongs, by field; "" where it concerns all of it."""
    if isinstance(error, FormError):
        return dict(error.data["errors"])
    if isinstance(error, (BudgetError, BudgetInfeasible)):
        return {"budget": str(error)}
    if isinstance(error, ObjectiveError):
        return {"objectives": str(error)}
    name = str(error.data.get("name") or "")
    place = next((f for f, texts in filled.items() if f != "kind" and name and any(name in t for t in texts)), "")
    return {place: str(error)}


def filled_from(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """A request as its form would be filled in, to change it and ask again; what is the default stays empty."""
    model = KINDS[document["kind"]]
    defaults = {name: info.get_default(call_default_factory=True) for name, info in model.model_fields.items()}
    chosen = {n: v for n, v in document.items() if n in defaults and v != defaults[n]}
    return {name: _texts(value) for name, value in chosen.items()} | {"kind": [document["kind"]]}


def _texts(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["on"] if value else []
    if isinstance(value, Mapping):
        return [", ".join(f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in value.items())]
    if isinstance(value, list):
        return [str(item) for item in value] or ["none"]
    return [f"{value:g}" if isinstance(value, float) else str(value)]
