"""A device profile: measured on this machine (the journal of measurements is resumed), or made of given numbers.

It is kept in the job's folder, and joins the user's profiles of this host, so that budgets may name the device.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.service.jobs import Result
from nas.service.requests import ProfileRequest
from nas.service.runner.task import Task

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile
    from predictors.latency.profiling import Progress


def run(request: ProfileRequest, task: Task) -> Result:
    """See ``nas profile``. Raises NasError."""
    from predictors.latency.store import read_profile

    task.folder.mkdir(parents=True, exist_ok=True)
    kept = task.folder / "profile.json"
    if not kept.is_file():
        made = _made(request, task)
        made = replace(made, title=request.title or made.title)
        made.save(kept.with_suffix(".part.json")).replace(kept)
    profile = read_profile(kept)
    _join(profile)
    facts = {k: v for k, v in profile.evidence.items() if k != "rows"}
    summary = {"title": f"profile {profile.name}", "device": profile.name, "source": profile.source, "evidence": facts}
    return Result(summary, None, [json.loads(profile.to_json())])


def _made(request: ProfileRequest, task: Task) -> DeviceProfile:
    title = request.title or request.out
    if request.device is not None:
        return _measured(request, task)
    if request.table is not None:
        return _imported(request, task, title)
    from predictors.latency.roofline import roofline_profile

    assert request.peak_macs is not None
    assert request.bandwidth is not None
    return roofline_profile(
        request.out, title, macs_per_s=request.peak_macs, bytes_per_s=request.bandwidth, overhead_s=request.overhead
    )


def _measured(request: ProfileRequest, task: Task) -> DeviceProfile:
    from predictors.latency.profiling import profile_cpu

    def watch(p: Progress) -> None:
        text = f"{p.fitted} networks timed, {p.checked} checks: {p.name}"
        left_s = max(p.budget_s - p.elapsed_s, 0.0)
        task.progress("measuring", round(p.elapsed_s, 1), round(p.budget_s, 1), text, eta_s=round(left_s, 1))

    journal = task.folder / "profile.measurements.jsonl"
    return profile_cpu(request.out, journal, minutes=request.minutes, threads=request.threads, listener=watch)


def _imported(request: ProfileRequest, task: Task, title: str) -> DeviceProfile:
    from predictors.latency.importing import adapt_profile, fit_profile, read_measured, starting_profile
    from predictors.latency.tables import read_csv

    file = task.folder / "table.csv"
    file.write_text(str(request.table), encoding="utf-8")
    measured = read_measured(read_csv(file), request.grammar)
    task.progress("fitting", None, None, f"{len(measured.table.rows):,} measurements")
    if request.start is None:
        return fit_profile(measured, request.out, title)
    return adapt_profile(measured, starting_profile(measured, request.start), request.out, title)


def _join(profile: DeviceProfile) -> None:
    """Among the user's profiles, unless there is another of the name."""
    from predictors.latency import list_profiles, load_profile, save_profile

    if profile.name not in list_profiles():
        save_profile(profile)
    elif load_profile(profile.name).to_json() != profile.to_json():
        raise NasError(f"there is another profile called {profile.name} on the runner; choose another name")
