"""A fixed kernel, timed before, between and after: if its time moves, the machine moved, not the network."""

from __future__ import annotations

from predictors.latency.measuring.clocks import CpuClock, CudaClock

SIZE = {"cpu": 256, "cuda": 2048}
"""Edge of the square matrices of the product: about a millisecond on a CPU core, less on a GPU."""


class ReferenceKernel:
    """A matrix product in float32; remembers its timings (processor time on one CPU thread), in milliseconds."""

    def __init__(self, device: str, clock: CpuClock | CudaClock) -> None:
        import torch

        self._a, self._clock = torch.ones(SIZE[device], SIZE[device], device=device), clock
        self.times_ms: list[float] = []
        self.time()
        self.times_ms.clear()

    def time(self, repeats: int = 3) -> float:
        """Smallest of a few timings, which is kept."""
        pairs = [self._clock.time(lambda: self._a @ self._a) for _ in range(repeats)]
        best = min(wall if own is None else own for wall, own in pairs)
        self.times_ms.append(best)
        return best
