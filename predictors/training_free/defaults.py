"""The proxies that ``nas search`` uses as its second level unless told otherwise.

One: the score that ranked trained networks best on both ViT-Bench spaces (``evidence.json``), an aggregate of depth and
width (see ``aggregate``). It reads the operator table alone, so that level costs milliseconds. No proxy that runs the
network improved its ranking when averaged with it (``benchmarks/default_score.py``).
"""

from __future__ import annotations

DEFAULT_PROXIES = ("depth_width",)
