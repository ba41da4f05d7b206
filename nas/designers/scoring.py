"""What a given structure is worth: a file in the designer's form, or a list in the released encoding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.designers.deepmad import Evaluation, Structure, evaluate, structure_from_json
from nas.designers.question import SOLVER_NAMES, convention_of
from nas.designers.reading import read_json
from nas.errors import NasError
from search_spaces.convnet import grammar, released


def read_structure(source: str | Path | Any) -> tuple[Structure, int]:
    """A structure and its resolution. Raises NasError: a broken chain of widths, an unknown family, junk."""
    where = f"{source}: " if isinstance(source, str | Path) else ""
    data = read_json(source, "structure") if isinstance(source, str | Path) else source
    try:
        config = grammar.check(_inner(data)) if isinstance(data, Mapping) else released.read(data)
    except NasError as error:
        raise NasError(f"{where}{error}") from None
    family = SOLVER_NAMES.get(config["family"], config["family"])
    plain = {k: v for k, v in config.items() if k != "resolution"} | {"family": family}
    return structure_from_json(plain), config["resolution"]


def _inner(data: Mapping[str, Any]) -> Any:
    """The structure inside an architecture file, the answer of ``nas design --json`` or a certificate."""
    for key in ("config", "structure"):
        if key in data and "stages" not in data:
            return read_list(data[key])
    return data


def read_list(data: Any) -> Any:
    """A released list as its structure; anything else as it is."""
    return released.read(data) if isinstance(data, list) else data


def score_structure(source: str | Path | Any, convention: str = "sound") -> tuple[Structure, Evaluation]:
    """A structure and its exact evaluation under a convention. Raises NasError."""
    rules = convention_of(convention)
    structure, resolution = read_structure(source)
    if sum(stage.stride == 2 for stage in structure.stages) >= len(rules.alphas):
        raise NasError(f"at most {len(rules.alphas) - 1} strided stages can be scored")
    return structure, evaluate(structure, rules, resolution)
