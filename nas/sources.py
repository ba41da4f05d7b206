"""What people may name where an architecture is asked for.

``SPACE:NAME`` (a published network, or the space's ``smallest`` or ``largest``), ``RUN`` or ``RUN#INDEX`` (a row of a
run's front), ``FILE.json``, or the folder of a saved model (``nas.weights``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError, SpaceError, UnknownName
from nas.extremes import EXTREMES, extreme
from search_spaces import Architecture, OperatorTable, SearchSpace, get_space, list_spaces
from search_spaces.architecture import MAX_JSON_BYTES
from search_spaces.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn

    from nas.runs.run import Run

FORMS = "SPACE:NAME, SPACE:smallest, SPACE:largest, RUN, RUN#INDEX or FILE.json"


def resolve(text: str, index: int | None = None) -> tuple[SearchSpace, Architecture]:
    """The space and architecture behind a name. ``index`` picks a row where ``text`` is a run without one.

    Raises NasError subclasses that say which form was expected.
    """
    path, _, row = text.partition("#")
    if (Path(path) / "run.json").exists() or row:
        return _of_run(path, row, index)
    if (Path(path) / "model.json").is_file():
        return _of_file(Path(path) / "model.json")
    if text.endswith(".json") or Path(text).is_file():
        return _of_file(Path(text))
    space, colon, name = text.partition(":")
    if not colon:
        raise NasError(f"{text!r} names no architecture: write {FORMS} (spaces: {', '.join(list_spaces())})")
    found = get_space(space)
    return found, of_space(found, name)


def of_space(space: SearchSpace, name: str) -> Architecture:
    """A published network of a space, or its ``smallest`` or ``largest``. Raises UnknownName."""
    if name in space.published:
        return space.published[name]
    if name in EXTREMES:
        return extreme(space, name)
    raise unknown_name(f"published network of {space.name}", name, [*space.published, *EXTREMES])


def stitched_run(text: str) -> Run | None:
    """The run that ``text`` names a row of, where it is one of ``nas stitch``: its networks have trained weights."""
    path = text.partition("#")[0]
    if not (Path(path) / "run.json").exists():
        return None
    from nas.runs.run import Run

    run = Run.open(path)
    return run if run.is_stitched else None


def operator_table(text: str) -> OperatorTable:
    """The operator table of what :func:`resolve` takes, or of ``timm:NAME``, which is traced. Raises NasError."""
    if not text.startswith("timm:"):
        space, architecture = resolve(text)
        return space.operators(architecture)
    from search_spaces import trace

    return trace(timm_model(text.removeprefix("timm:")))


def timm_model(name: str) -> nn.Module:
    """A timm model with fresh weights. Raises UnknownName."""
    import timm

    if not timm.is_model(name):
        error = unknown_name("timm model", name, timm.list_models())
        # Without the list of a thousand names.
        raise UnknownName(str(error).partition(" (known:")[0], **error.data)
    model: nn.Module = timm.create_model(name)
    return model


def _of_run(path: str, row: str, index: int | None) -> tuple[SearchSpace, Architecture]:
    if row and not row.isdecimal():
        raise NasError(f"{path}#{row}: the part after # must be a row of the front, such as {path}#0")
    from nas.runs.run import Run  # pandas and a database: only where there is a run

    run = Run.open(path)
    wanted = int(row) if row else index if index is not None else run.recommended
    return run.space, run.space.architecture(run.architecture(wanted).config)


def _of_file(path: Path) -> tuple[SearchSpace, Architecture]:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise SpaceError(f"{path} has {path.stat().st_size:,} bytes; an architecture file has at most a megabyte")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NasError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpaceError(f"{path} is not a text file") from None
    architecture = Architecture.from_json(text)
    try:
        space = get_space(architecture.space, **architecture.options)
    except TypeError:  # an option of a type or name that no space has
        raise SpaceError(f"{path}: options {architecture.settings:.80} are not those of a space") from None
    return space, space.architecture(architecture.config)
