"""How good a network would be, judged at initialisation: zero-cost proxies and what each is worth.

``score(model)`` and ``score_architecture(space, architecture)`` score; ``list_proxies()`` and ``get_proxy(name)`` say
what there is; ``evidence(name)`` and ``note(name)`` how well it ranked networks whose accuracy is known.
"""

from __future__ import annotations

from typing import Any

from predictors.training_free.defaults import DEFAULT_PROXIES
from predictors.training_free.outcome import Outcome
from predictors.training_free.registry import Proxy, get_proxy, list_proxies, proxy
from predictors.training_free.worth import Evidence, evidence, note, protocols, repeatability, seconds

__all__ = [
    "DEFAULT_PROXIES", "Batch", "Evidence", "Limits", "Outcome", "Probe", "Proxy", "evidence", "get_proxy",
    "list_proxies", "note", "protocols", "proxy", "repeatability", "score", "score_architecture", "seconds",
]  # fmt: skip

_NEED_TORCH = {
    "Batch": "probe",
    "Probe": "probe",
    "Limits": "guard",
    "score": "scoring",
    "score_architecture": "scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
