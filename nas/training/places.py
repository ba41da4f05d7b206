"""Where a training runs: how many processes, on which GPUs. Said before anything is written."""

from __future__ import annotations

from nas.errors import NasError


def check_places(workers: int, gpus: int, ray_address: str | None) -> None:
    """Raise NasError where a training cannot have these workers and GPUs; a cluster's are Ray's to count."""
    if workers < 1 or gpus < 0:
        raise NasError(f"workers must be at least 1 and gpus at least 0, got {workers} and {gpus}")
    if gpus not in (0, workers):
        raise NasError(f"{workers} workers and {gpus} GPUs: give every worker one (--gpus {workers}) or none")
    if gpus and ray_address is None:
        import torch

        if torch.cuda.device_count() < gpus:
            raise NasError(f"--gpus {gpus}: PyTorch finds {torch.cuda.device_count()} GPUs on this machine")
