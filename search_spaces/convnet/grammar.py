"""The family's grammar: which structures are networks, on a searched grid or not.

A structure is::

    {"family": "resnet", "resolution": 224,
     "stem": {"out": 32, "kernel": 3, "stride": 2},
     "stages": [{"out": 96, "bottleneck": 40, "kernel": 5, "depth": 1, "stride": 2}, ...],
     "head": {"out": 1792, "kernel": 1, "stride": 1} or null}

``bottleneck`` is the inner width b of a block, in inverted residuals too. Only the first block of a stage changes
width and side. A stage or head may say what it takes as ``in``: it must then be what the one before gives. The
designer writes the same form, without the resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.convnet.families import ALIASES, FAMILIES
from search_spaces.errors import SpaceError, unknown_name

MAX_SIDE, MAX_WIDTH, MAX_INNER, MAX_DEPTH, MAX_STAGES, MAX_KERNEL = 1024, 4096, 8192, 64, 8, 15
KEYS = ("out", "kernel", "stride")
STAGE_KEYS = ("out", "bottleneck", "kernel", "depth", "stride")


def fail(where: str, rule: str, value: Any) -> SpaceError:
    """The error of one field, its value cut to a readable length."""
    text = repr(value)
    return SpaceError(f"convnet: {where} must be {rule}, got {text[:60] + '...' if len(text) > 60 else text}")


def whole(where: str, value: Any, low: int, high: int, odd: bool = False) -> int:
    """An integer in range."""
    rule = f"{'an odd' if odd else 'a whole'} number from {low} to {high}"
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high or (odd and value % 2 == 0):
        raise fail(where, rule, value)
    return value


def _object(where: str, value: Any, keys: tuple[str, ...], before: int | None) -> dict[str, int]:
    """A layer's fields without ``in``, which is checked against the width ``before`` it."""
    if not isinstance(value, Mapping) or set(value) - {"in"} != set(keys):
        raise fail(where, f"an object with the keys {', '.join(keys)}", value)
    if "in" in value and before is not None and value["in"] != before:
        raise SpaceError(
            f"convnet: broken chain of widths: {where} takes {value['in']!r:.20} channels, but the one before gives "
            f"{before}; set its 'in' to {before} or leave it out"
        )
    return {
        "out": whole(f"{where}.out", value["out"], 1, MAX_WIDTH),
        "kernel": whole(f"{where}.kernel", value["kernel"], 1, MAX_KERNEL, odd=True),
        "stride": whole(f"{where}.stride", value["stride"], 1, 2),
    }


def _stage(where: str, value: Any, before: int) -> dict[str, int]:
    common = _object(where, value, STAGE_KEYS, before)
    inner = whole(f"{where}.bottleneck", value["bottleneck"], 1, MAX_INNER)
    return {**common, "bottleneck": inner, "depth": whole(f"{where}.depth", value["depth"], 1, MAX_DEPTH)}


def _head(value: Any, before: int) -> dict[str, int] | None:
    if value is None:
        return None
    head = _object("head", value, KEYS, before)
    if (head["kernel"], head["stride"]) != (1, 1):
        raise fail("head", "a 1x1 convolution of stride 1, or null", value)
    return head


def check_family(value: Any) -> str:
    """The name of a family. Raises UnknownName (a text) or SpaceError (anything else)."""
    if not isinstance(value, str):
        raise fail("family", f"one of {', '.join(FAMILIES)}", value)
    name = ALIASES.get(value, value)
    if name not in FAMILIES:
        raise SpaceError(f"convnet: {unknown_name('family', value[:40], FAMILIES)}")
    return name


def check(config: Any, *, family: str = "resnet", resolution: int = 224) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise.

    ``family`` and ``resolution`` stand in where the structure does not say.
    """
    if not isinstance(config, Mapping) or not {"stem", "stages"} <= set(config):
        raise fail("an architecture", "an object with stem, stages, and optionally family, resolution, head", config)
    unknown = set(config) - {"family", "resolution", "stem", "stages", "head"}
    if unknown:
        raise fail("an architecture", "without unknown keys", sorted(map(str, unknown)))
    stages = config["stages"]
    if not isinstance(stages, (list, tuple)) or not 1 <= len(stages) <= MAX_STAGES:
        raise fail("stages", f"a list of 1 to {MAX_STAGES} stages", stages)
    checked, stem = [], _object("stem", config["stem"], KEYS, None)
    before = stem["out"]
    for i, stage in enumerate(stages):
        checked.append(_stage(f"stages[{i}]", stage, before))
        before = checked[-1]["out"]
    return {
        "family": check_family(config.get("family", family)),
        "resolution": whole("resolution", config.get("resolution", resolution), 16, MAX_SIDE),
        "stem": stem, "stages": checked, "head": _head(config.get("head"), before),
    }  # fmt: skip


def stage_names(config: Mapping[str, Any]) -> list[str]:
    """Names of the parts of a structure in order: stem, S1 .. Sn, conv_head where there is one, head."""
    names = ["stem", *(f"S{i + 1}" for i in range(len(config["stages"])))]
    return [*names, *(["conv_head"] if config["head"] else []), "head"]


def ends_scale(config: Mapping[str, Any]) -> list[bool]:
    """Which of :func:`stage_names` end a scale: the next stage is strided, or nothing but the classifier follows.

    A 1x1 head belongs to the last scale and ends it (DeepMAD, reference section 2.1).
    """
    ends = [stage["stride"] == 2 for stage in config["stages"]]
    return [*ends, *([False, True] if config["head"] else [True]), False]
