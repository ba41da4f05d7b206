"""Which machine and which software a figure was measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def describe_hardware(device: str) -> dict[str, Any]:
    """Facts that explain a latency: processor, cores, frequency governor, memory; and the accelerator if it is one."""
    facts: dict[str, Any] = {
        "processor": _processor(), "machine": platform.machine(), "cores": os.cpu_count() or 1, "system": _system(),
        "memory_gib": _memory_gib(), "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }  # fmt: skip
    if device == "cuda":
        import torch

        properties = torch.cuda.get_device_properties(0)
        facts |= {"accelerator": properties.name, "accelerator_memory_gib": round(properties.total_memory / 2**30, 1)}
    return {name: value for name, value in facts.items() if value is not None}


def describe_software(runtime: str) -> dict[str, str]:
    """Versions of Python and of what runs the network."""
    packages = ("torch", "onnxruntime") if runtime == "onnxruntime" else ("torch",)
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _system() -> str:
    return f"{platform.system()} {platform.release()}"


def _processor() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip() or None
    except OSError:
        return None
