"""What the requests of all kinds share: strict reading, bounded sizes, and the same request as a command line."""

from __future__ import annotations

import json
import re
import shlex
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nas.service.requests.places import Places
from nas.service.store.submitting import Demand

MOST_SEED = 2**53 - 1
"""What a browser's numbers hold exactly."""
SPACE_FLAGS = ("num_classes", "img_size", "in_chans", "family")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_JOB = r"^[0-9a-f]{32}$"


def _no_file(text: str) -> str:
    """A device by its name: on the command line it may be a file, here it would be one of the host's."""
    if "\x00" in text:
        raise ValueError("no NUL character can stand here")
    _, at, device = text.partition("@")
    if at and (not _DEVICE.fullmatch(device.strip()) or device.strip().endswith(".json")):
        raise ValueError(f"{device[:60]!r} is no name of a device; GET /v1/devices lists them")
    return text


def no_code(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a space that name no code: on the command line a network may be the user's own, here never."""
    from search_spaces.permits import code_in

    path = code_in(options)
    if path is not None:
        raise ValueError(f"{path[:60]!r} is an import path, and a service imports no code of users; name a timm model")
    return options


Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$"), AfterValidator(_no_file)]
Texts = Annotated[list[Text], Field(max_length=8)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
JobId = Annotated[str, Field(pattern=_JOB)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
Value = bool | int | float | Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x1f]*$")]
Options = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,39}$")], Value],
    Field(max_length=16),
    AfterValidator(no_code),
]


class Base(BaseModel):
    """A request: unknown fields and other types are refused, and it does not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    COMMAND: ClassVar[tuple[str, ...]] = ()
    """Words of the command that does the same."""
    FLAGS: ClassVar[dict[str, str]] = {}
    """Fields whose option is not their name with dashes; an empty one: :meth:`more_arguments` writes it."""

    name: Name | None = Field(None, description="What to call the job in lists.", examples=["first-try"])

    def document(self) -> dict[str, Any]:
        """Plain data, with every default."""
        return self.model_dump(mode="json")

    def demand(self) -> Demand:
        """What counts against quotas."""
        return Demand()

    def check(self, places: Places | None = None) -> None:
        """Raises NasError for what no runner could do: a budget that cannot be met, a name that nobody has."""
        raise NotImplementedError

    def paths(self) -> tuple[str, ...]:
        """Every file and folder that it names, as ROOT/relative/path."""
        return ()

    def more_arguments(self) -> list[str]:
        """Arguments for the fields with an empty flag."""
        return []

    def command_line(self) -> str:
        """The same, typed into a terminal; values that are the default are left out."""
        words = ["nas", *self.COMMAND]
        for field, info in type(self).model_fields.items():
            value, flag = getattr(self, field), self.FLAGS.get(field, "--" + field.replace("_", "-"))
            if flag and value != info.get_default(call_default_factory=True):
                words += _option(flag, value)
        return shlex.join([*words, *self.more_arguments()])


def _option(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag] if value else []
    if isinstance(value, list):
        return [word for item in value for word in (flag, written(item))]
    return [flag, written(value)]


def written(value: Any) -> str:
    """A value as an option takes it: numbers without a needless fraction."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return value if isinstance(value, str) else json.dumps(value)


def space_arguments(options: dict[str, Any]) -> list[str]:
    """Options of a space as arguments."""
    words: list[str] = []
    for name, value in options.items():
        known = name in SPACE_FLAGS
        words += [f"--{name.replace('_', '-')}", written(value)] if known else ["--option", f"{name}={written(value)}"]
    return words
