"""What else the machine does while we measure: stolen time, load, lost cores (Linux; elsewhere what there is)."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

PROC_STAT = Path("/proc/stat")
_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


@dataclass(frozen=True)
class Snapshot:
    """Counters of the machine at one moment: processor ticks of all cores, and our involuntary switches."""

    ticks: int
    stolen: int
    switches: int

    @classmethod
    def take(cls) -> Snapshot:
        """Now."""
        ticks, stolen = _ticks()
        return cls(ticks, stolen, resource.getrusage(_THREAD).ru_nivcsw)

    def since(self, earlier: Snapshot) -> tuple[float, int]:
        """(share of all cores' time stolen by the hypervisor, involuntary switches) between two moments."""
        ticks = self.ticks - earlier.ticks
        return (self.stolen - earlier.stolen) / ticks if ticks > 0 else 0.0, self.switches - earlier.switches


def _ticks() -> tuple[int, int]:
    """All ticks and stolen ones, from the first line of /proc/stat (user nice system idle iowait irq softirq steal)."""
    try:
        values = [int(v) for v in PROC_STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return sum(values), values[7] if len(values) > 7 else 0


def load_per_core() -> float:
    """Processes that want to run, over cores: average of the last minute."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 0.0
