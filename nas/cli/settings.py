"""``--set NAME=VALUE``: every training setting that has no option of its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE",
        help="Another setting, repeatable: ema, smoothing, weight_decay, warmup, temperature, teacher_share, "
        "validation, calibration or image_size (pixels to which files are cropped).",
    ),
]  # fmt: skip


def given(texts: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """What was given, ``texts`` as ``NAME=VALUE``; the rest keeps its defaults. Raises NasError."""
    return {name: value for name, value in options.items() if value is not None} | dict(map(_setting, texts or []))


def _setting(text: str) -> tuple[str, Any]:
    from nas.errors import NasError
    from nas.training.settings import Settings
    from search_spaces.errors import unknown_name

    name, equals, value = text.partition("=")
    if not equals:
        raise NasError(f"--set {text[:60]!r}: write NAME=VALUE, for example ema=0.99")
    known = Settings().to_dict()
    if name not in known:
        raise unknown_name("training setting", name, known)
    kind = type(known[name])
    try:
        return name, kind(value)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise NasError(f"--set {name}={value[:60]}: expected {expected}, such as {known[name]}") from None
