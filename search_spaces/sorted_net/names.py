"""Networks by name: a timm model with options, ``resnet18`` or ``vit_tiny_patch16_224?depth=6&num_heads=3``.

A name may come from a stranger's file, so only timm's own models and a few options of plain size are allowed: no
weights, no path, no address. A module of your own is named by its import path, ``mynets:make_net``, which is imported
only where you have said so (``search_spaces.permits``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from search_spaces.errors import SpaceError, UnknownName, unknown_name
from search_spaces.imports import FORM, split_path

if TYPE_CHECKING:
    from torch import nn

OPTIONS = {
    "patch_size": 64, "embed_dim": 4096, "depth": 64, "num_heads": 64, "mlp_ratio": 16, "qkv_bias": 1, "init_values": 1,
    "class_token": 1, "no_embed_class": 1, "global_pool": 0, "layers": 64, "channels": 4096, "stem_width": 4096,
    "stem_type": 0, "base_width": 1024, "cardinality": 128, "depths": 64, "dims": 4096, "channel_multiplier": 8,
    "depth_multiplier": 8,
}  # fmt: skip
"""What a name may set, and the largest number it may be set to. Lists are written with dashes: ``layers=2-2-2-2``."""
WORDS = {"true": True, "false": False, "none": None, "avg": "avg", "max": "max", "token": "token", "deep": "deep",
         "deep_tiered": "deep_tiered"}  # fmt: skip
MAX_NAME, MAX_LIST = 300, 8


def split_name(name: Any) -> tuple[str, dict[str, Any]]:
    """A timm name and its options. Raises SpaceError or UnknownName where they cannot be read."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise SpaceError(f"sorted_net: model must be a timm model's name, got {str(name)[:60]!r}")
    model, mark, query = name.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=len(OPTIONS))
    except ValueError:
        pairs = []
    if mark and (not pairs or any(not v for _, v in pairs)):
        raise SpaceError(f"sorted_net: model {name[:80]!r}: options are written NAME?depth=6&embed_dim=96")
    for option, _ in pairs:
        if option not in OPTIONS:
            raise unknown_name(f"option of model {model[:60]}", option[:40], OPTIONS)
    return model, {k: _value(k, v) for k, v in pairs}


def _value(option: str, text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    parts = text.split("-")
    try:
        numbers = [int(p) if p.isdecimal() else float(p) for p in parts[: MAX_LIST + 1]]
    except ValueError:
        numbers = []
    if not numbers or len(parts) > MAX_LIST or not all(0 <= n <= OPTIONS[option] for n in numbers):
        rule = f"at most {OPTIONS[option]}" if OPTIONS[option] else f"one of {', '.join(WORDS)}"
        raise SpaceError(f"sorted_net: option {option} must be {rule}, got {text[:40]!r}")
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def create(name: str, *, num_classes: int, in_chans: int, img_size: int) -> nn.Module:
    """The network with fresh weights, ``img_size`` passed on where it takes one. Raises UnknownName or SpaceError."""
    import timm

    if own := split_path(name):
        from search_spaces.sorted_net.own import make

        return make(own[0], num_classes=num_classes, in_chans=in_chans, img_size=img_size)
    model, options = split_name(name)
    if ":" in model:
        raise SpaceError(
            f"sorted_net: model {name[:80]!r} is neither a timm model nor {FORM}; what SortedNet.from_module has made "
            "is read back by a space of the same module only"
        )
    if not timm.is_model(model) or "/" in model:
        error = unknown_name("timm model", model[:80], timm.list_models())
        raise UnknownName(str(error).partition(" (known:")[0], **error.data)
    fixed: dict[str, Any] = {"pretrained": False, "num_classes": num_classes, "in_chans": in_chans}
    sizes: tuple[dict[str, Any], ...] = ({"img_size": img_size}, {})
    for sized in sizes:
        try:
            return timm.create_model(model, **options, **fixed, **sized)  # type: ignore[no-any-return]
        except TypeError as error:
            if "img_size" in str(error) and sized:
                continue
            raise SpaceError(f"sorted_net: model {name!r} cannot be built: {_line(error)}") from None
        except Exception as error:  # whatever a model's constructor raises on sizes it does not like
            raise SpaceError(f"sorted_net: model {name!r} cannot be built: {_line(error)}") from None
    raise SpaceError(f"sorted_net: model {name!r} cannot be built")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
