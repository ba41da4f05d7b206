"""Two ViTs of a few thousand parameters for 8-pixel digits, for tests of what is stitched from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nas
from search_spaces.stitching import Stitching

NAME = "vit_tiny_patch16_224?patch_size=4&embed_dim={}&depth=4&num_heads=2"
SMALL, LARGE = NAME.format(16), NAME.format(32)
PAIR = f"{SMALL},{LARGE}"


def space(**options: Any) -> Stitching:
    """The routes between them."""
    return Stitching(**{"anchors": PAIR, "num_classes": 10, "in_chans": 1, "img_size": 8, **options})


def train_anchor(number: int, out: Path, epochs: int) -> Path:
    """The folder of one of them, trained on digits."""
    whole = space()
    file = out / f"anchor{number}.json"
    file.write_text(whole.of_route(whole.routes[number]).to_json())
    return nas.train(str(file), "digits", out=out, name=f"anchor{number}", epochs=epochs, lr=5e-3, batch=32).path
