"""Keep a score independent of the process it runs in, and the process independent of the score.

A value may depend on the network and on (run seed, architecture id, what is drawn), and on nothing else: not on the
number of threads, the state of any global generator, the caller's gradient mode or default dtype.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stable_seed(*parts: object) -> int:
    """A 63-bit seed from the parts' texts, the same on every machine and in every process (unlike ``hash``)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: object) -> torch.Generator:
    """A CPU generator of its own, seeded by :func:`stable_seed`."""
    return torch.Generator().manual_seed(stable_seed(*parts))


@contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Global generators (torch, NumPy, random) seeded by the parts inside, and as they were afterwards.

    Building a module, or running one with dropout, draws from them.
    """
    seed = stable_seed(*parts)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (modules may draw from the legacy one)
    try:
        with torch.random.fork_rng():
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread, gradients on, float32, no autocast inside; the caller's settings afterwards.

    Sums over several threads are cut differently on different machines, so more than one would move the last digits.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
