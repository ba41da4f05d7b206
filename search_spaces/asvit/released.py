"""As-ViT's genotype strings: ``K,S,E[,L]|K,S,E[,L]|K,S,E[,L]|K,S,E[,L]|H[,C]``.

Per stage the kernel, the windows per side, the MLP's ratio and the number of blocks; then the heads of the last stage
and the width of the first. Without L a stage has one block and without C the width is 32, as in the released search.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.asvit.grammar import STAGES, check
from search_spaces.errors import SpaceError

FORM = "K,S,E[,L]|K,S,E[,L]|K,S,E[,L]|K,S,E[,L]|H[,C]"
SEED_WIDTH, SEED_DEPTH, RESOLUTION = 32, 1, 224
LONGEST = 200


def _numbers(part: str, least: int, default: int) -> list[int]:
    """The numbers of one part, of which the last may be left out."""
    texts = part.split(",")
    if len(texts) not in (least, least + 1) or not all(t.strip().isascii() and t.strip().isdigit() for t in texts):
        raise SpaceError(f"asvit: {part!r:.40} is no part of a genotype, which reads {FORM}")
    values = [int(t) for t in texts]
    return values if len(values) > least else [*values, default]


def read(raw: Any, resolution: int | None = None) -> dict[str, Any]:
    """The structure (see ``grammar``) of a genotype string. Raises SpaceError."""
    if not isinstance(raw, str) or len(raw) > LONGEST or raw.count("|") != STAGES:
        raise SpaceError(f"asvit: a genotype is a text {FORM}, got {raw!r:.60}")
    *parts, last = raw.split("|")
    keys = ("kernel", "split", "expand", "depth")
    stages = [dict(zip(keys, _numbers(part, 3, SEED_DEPTH), strict=True)) for part in parts]
    heads, width = _numbers(last, 1, SEED_WIDTH)
    side = RESOLUTION if resolution is None else resolution
    return check({"resolution": side, "width": width, "heads": heads, "stages": stages})


def write(config: Mapping[str, Any], *, seed: bool = False) -> str:
    """The genotype of a structure, in full, or (``seed``) without depths and width. The resolution is not in it."""
    keys = ("kernel", "split", "expand") if seed else ("kernel", "split", "expand", "depth")
    stages = [",".join(str(stage[key]) for key in keys) for stage in config["stages"]]
    return "|".join([*stages, f"{config['heads']}" if seed else f"{config['heads']},{config['width']}"])
