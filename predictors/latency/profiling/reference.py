"""How fast the machine is just now: a small fixed network that asks of it what networks ask.

Shared machines change speed by ten percent for minutes (clock, caches, memory bandwidth). Timings are divided by this
network's slowdown at their moment, relative to its median over the session. A matrix product alone would not do: it
lives in the first cache and hardly notices what slows a network.
"""

from __future__ import annotations

import time

import torch
from torch import nn

WIDTH, SIDE, TOKENS = 96, 28, 196


class SpeedReference:
    """Convolution, depthwise convolution, batch norm, activation, linear and attention: some milliseconds on a core."""

    def __init__(self, threads: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._map = nn.Sequential(
                nn.Conv2d(WIDTH, 2 * WIDTH, 1), nn.BatchNorm2d(2 * WIDTH), nn.Hardswish(),
                nn.Conv2d(2 * WIDTH, 2 * WIDTH, 3, padding=1, groups=2 * WIDTH), nn.BatchNorm2d(2 * WIDTH),
                nn.Hardswish(), nn.Conv2d(2 * WIDTH, WIDTH, 1), nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            ).eval()  # fmt: skip
            self._linear = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)).eval()
            self._x, self._t = torch.randn(1, WIDTH, SIDE, SIDE), torch.randn(1, TOKENS, WIDTH)
            self._large = torch.randn(2_000_000)
        self._clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns

    def time_ms(self, repeats: int = 5) -> float:
        """Median of a few runs, in milliseconds."""
        times = []
        for _ in range(repeats):
            begin = self._clock()
            with torch.inference_mode():
                self._map(self._x)
                t = self._linear(self._t)
                nn.functional.scaled_dot_product_attention(t, t, t)
                self._large.add_(1e-6)
            times.append((self._clock() - begin) / 1e6)
        return sorted(times)[repeats // 2]
