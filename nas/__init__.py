"""nas: which vision architecture should I train and ship under this budget, on this device?

``nas.search("elasticvit", "600MFLOPs")`` returns a run; ``run.front`` is a DataFrame, ``run.build(0)`` a module.
Everything is imported on first use, so that ``import nas`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.api import create_model, load_run, resume, search
    from nas.budget import Budget
    from nas.calibrating import calibrate
    from nas.client.client import Client
    from nas.designers.design import Design
    from nas.designing import design
    from nas.errors import NasError
    from nas.runs.run import Run
    from nas.scaling import resume_scale, scale
    from nas.stitching.api import stitch
    from nas.supernet.api import search_supernet
    from nas.training.api import evaluate, extract, finetune, train, train_supernet
    from nas.weights import load_model, save_model
    from search_spaces.permits import allow_import

_HOME = {
    "search": "nas.api", "resume": "nas.api", "load_run": "nas.api", "create_model": "nas.api",
    "design": "nas.designing", "Design": "nas.designers.design",
    "calibrate": "nas.calibrating", "scale": "nas.scaling", "resume_scale": "nas.scaling",
    "train_supernet": "nas.training.api", "train": "nas.training.api", "finetune": "nas.training.api",
    "evaluate": "nas.training.api", "extract": "nas.training.api", "search_supernet": "nas.supernet.api",
    "stitch": "nas.stitching.api",
    "load_model": "nas.weights", "save_model": "nas.weights",
    "allow_import": "search_spaces.permits",
    "Client": "nas.client.client",
    "Budget": "nas.budget", "NasError": "nas.errors", "Run": "nas.runs.run",
}  # fmt: skip

__all__ = [
    "Budget", "Client", "Design", "NasError", "Run", "allow_import", "calibrate", "create_model", "design", "evaluate",
    "extract", "finetune", "load_model", "load_run", "resume", "resume_scale", "save_model", "scale", "search",
    "search_supernet", "stitch", "train", "train_supernet",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
