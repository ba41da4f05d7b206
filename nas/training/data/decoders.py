"""How many processes decode images. What they decode does not depend on it."""

from __future__ import annotations

import os
import shutil

import torch

MOST = 8
LEAST_SHARED_BYTES = 2**30
"""Free memory in which processes hand over images; containers often have little."""


def decoders(device: torch.device, sharers: int = 1) -> int:
    """Half of the cores for a GPU, which must not wait for images; a CPU decodes where it trains, in no other process.

    ``sharers``: workers of the training that share this machine's cores.
    """
    if device.type != "cuda" or _shared_memory() < LEAST_SHARED_BYTES:
        return 0
    return max(1, min(MOST, len(os.sched_getaffinity(0)) // (2 * sharers)))


def _shared_memory() -> int:
    try:
        return shutil.disk_usage("/dev/shm").free
    except OSError:
        return LEAST_SHARED_BYTES
