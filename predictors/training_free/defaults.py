"""The proxies that ``nas search`` uses unless told otherwise.

Chosen on ViT-Bench (``evidence.json``): ``synflow`` is the only one above params on both spaces (by less than its
error), needs no data and hardly depends on the seed; ``az_expressivity`` sees what size does not (depth: the best on
AutoFormer's distilled CIFAR-100) and is the cheapest. NASWOT is below params on PiT by more than its error.
"""

from __future__ import annotations

DEFAULT_PROXIES = ("synflow", "az_expressivity")
