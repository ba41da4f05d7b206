"""What ``run.json`` says of a supernet: how it was trained, and how its subnets are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.training.job import Job
from nas.training.settings import Settings


def of_job(job: Job) -> dict[str, Any]:
    """Of a supernet in a folder of its own."""
    path, facts = str(job.path.resolve()), job.document["facts"]
    return provenance(path, job.document["data"], facts, job.settings, statistics=_keeps_statistics(job))


def provenance(
    path: str, data: str, facts: Mapping[str, Any], settings: Settings, *, statistics: bool
) -> dict[str, Any]:  # fmt: skip
    """``facts``: of the data. ``statistics``: whether subnets keep batch statistics, so that they are re-estimated."""
    return {
        "path": path, "data": data, "validation": facts["validation"], "sampler": settings.sampler,
        "epochs": settings.epochs,
        "calibration": _calibration(min(settings.calibration, facts["train"]) if statistics else 0),
    }  # fmt: skip


def _calibration(count: int) -> dict[str, int]:
    """``images``: how many of ``count`` the judge uses, which leaves out a last batch of one."""
    from nas.training.judge import CALIBRATION_BATCH, CALIBRATION_SEED

    images = count - (count % CALIBRATION_BATCH == 1)
    return {"images": images, "batch": CALIBRATION_BATCH, "seed": CALIBRATION_SEED}


def _keeps_statistics(job: Job) -> bool:
    import torch

    from nas.training.samplers.extremes import smallest
    from search_spaces.modules.calibration import batch_norms

    with torch.device("meta"):
        return bool(batch_norms(job.space.model(smallest(job.space))))
