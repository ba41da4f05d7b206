"""Checks of the machine and its installation; each says what it found and, if need be, one thing to try."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

Status = Literal["ok", "warn", "fail"]
PACKAGES = (
    "torch", "timm", "numpy", "scipy", "pandas", "scikit-learn", "ray", "optuna", "safetensors", "onnx", "onnxscript",
    "onnxruntime",
)  # fmt: skip
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True)
class Check:
    """One finding; ``hint`` is empty where all is well."""

    name: str
    status: Status
    detail: str
    hint: str = ""


Finder = Callable[[], list[Check]]


def diagnose(out: Path = Path("results"), more: Sequence[tuple[str, Finder]] = ()) -> Iterator[Check]:
    """Every check in turn, and ``more`` of them, each as it finishes; none raises."""
    checks: list[tuple[str, Finder]] = [
        ("python", python), ("packages", packages), ("torchvision", torchvision), ("devices", devices),
        ("solvers", solvers), ("disk", lambda: disk(out)), ("shared memory", shared_memory),
        *more,
    ]  # fmt: skip
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # a broken library may raise anything: that is the finding
            yield Check(name, "fail", first_line(error), "run 'nas --debug doctor' or reinstall the package")


def python() -> list[Check]:
    """Version and machine."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}, nas {_installed('nas')}"
    return [Check("python", "ok", detail)]


def packages() -> list[Check]:
    """Whether what nas needs is installed, and in which version."""
    found = {name: _installed(name) for name in PACKAGES}
    missing = [name for name, number in found.items() if number is None]
    checks = [Check("packages", "ok", ", ".join(f"{k} {v}" for k, v in found.items() if v))]
    if missing:
        checks.append(Check("packages", "fail", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"))
    return checks


def torchvision() -> list[Check]:
    """Whether torchvision (and with it timm) can be imported beside this torch."""
    ours, theirs = _installed("torch"), _installed("torchvision")
    if theirs is None:
        return [Check("torchvision", "fail", "not installed, and timm needs it", "pip install torchvision")]
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # RuntimeError, OSError or ImportError, depending on what does not fit
        detail = f"{theirs} cannot be imported beside torch {ours}: {first_line(error)}"
        return [Check("torchvision", "fail", detail, mending(ours, theirs))]
    detail = f"{theirs} beside torch {ours}"
    if mismatched(ours, theirs, requires("torchvision") or ()):
        return [Check("torchvision", "warn", f"{detail}: not built for each other", mending(ours, theirs))]
    return [Check("torchvision", "ok", detail)]


def mismatched(torch: str | None, torchvision: str, wanted: Sequence[str]) -> bool:
    """Whether torchvision ``wanted`` (its requirements) another torch, or one is a CPU build and the other is not."""
    from packaging.requirements import Requirement

    pins = [r.specifier for text in wanted if (r := Requirement(text)).name == "torch"]
    builds = ["+cpu" in (torch or ""), "+cpu" in torchvision]
    return not all((torch or "").partition("+")[0] in pin for pin in pins) or (builds[0] and not builds[1])


def mending(torch: str | None, torchvision: str) -> str:
    """The command that brings a matching pair."""
    if "+cpu" in (torch or "") or "+cpu" in torchvision:
        return f"both from one index: pip install --force-reinstall torch torchvision --index-url {CPU_INDEX}"
    return "both together: pip install --force-reinstall torch torchvision"


def devices() -> list[Check]:
    """Cores and accelerators."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    checks = [Check("cpu", "ok", f"{cores} cores usable, torch uses {torch.get_num_threads()} threads")]
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return [*checks, Check("cuda", "ok", names)]
    return [*checks, Check("cuda", "ok", "none; searching and exporting need none")]


def solvers() -> list[Check]:
    """The mathematical programming solvers that designing a network (DeepMAD) can use."""
    import pulp

    usable = pulp.listSolvers(onlyAvailable=True)
    checks = [_solver("CBC", "PULP_CBC_CMD" in usable, "pip install 'pulp>=3.3,<4' (bundles CBC)")]
    highs = bool({"HiGHS", "HiGHS_CMD"} & set(usable)) or _has_scipy_highs()
    return [*checks, _solver("HiGHS", highs, "pip install highspy")]


def _solver(name: str, usable: bool, hint: str) -> Check:
    found = (f"solver {name}", "ok", "usable") if usable else (f"solver {name}", "warn", "not found", hint)
    return Check(*found)  # type: ignore[arg-type]


def _has_scipy_highs() -> bool:
    """scipy.optimize.milp is HiGHS."""
    number = _installed("scipy") or "0"
    return tuple(map(int, re.findall(r"\d+", number)[:2])) >= (1, 9)


def disk(out: Path) -> list[Check]:
    """Room for runs: some 50 MB each."""
    folder = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    if not os.access(folder, os.W_OK):
        return [Check("disk", "fail", f"{folder} is not writable", "choose another folder with --out")]
    status: Status = "ok" if free_gb > 2 else "warn" if free_gb > 0.2 else "fail"
    hint = "" if status == "ok" else "free some space, or choose another folder with --out"
    return [Check("disk", status, f"{free_gb:.1f} GB free in {folder}", hint)]


def shared_memory() -> list[Check]:
    """Ray keeps its object store in /dev/shm; in a container that is often 64 MB."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return [Check("shared memory", "ok", "no /dev/shm on this system")]
    free = shutil.disk_usage(folder).free
    if free < 150e6:
        hint = "in Docker: --shm-size=1g; or search with --workers 0"
        return [Check("shared memory", "warn", f"{free / 1e6:.0f} MB free in /dev/shm, Ray wants 150", hint)]
    return [Check("shared memory", "ok", f"{free / 1e9:.1f} GB free in /dev/shm")]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
