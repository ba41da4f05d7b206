"""A job in words: what it is, how far it is, how long it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nas.report.formatting import count, duration, is_number
from nas.service.jobs import Job

KINDS = {
    "search": "Search", "design": "Design", "scale": "Scaling", "stitch": "Stitching", "train": "Training",
    "profile": "Profile",
}  # fmt: skip
FIGURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("priced", "Priced", count), ("scored", "Judged", count), ("front_size", "On the front", count),
    ("rows", "On the front", count), ("hypervolume", "Hypervolume", lambda value: f"{value:.4f}"),
)  # fmt: skip
"""What progress and summary may hold, what it is called, how it is written; a later one of a name counts."""
STATES = {"queued": "waiting", "running": "running", "done": "done", "failed": "failed", "cancelled": "cancelled"}


def title(job: Job) -> str:
    """What was asked for, as a person would say it."""
    asked = job.request
    limits = f" within {_list(asked.get('budget'))}" if asked.get("budget") else ""
    match job.kind:
        case "search" if asked.get("supernet"):
            return f"Supernet {str(asked['supernet'])[:8]}{limits or ', no budget'}"
        case "search":
            return f"{asked.get('space', 'search')}{limits or ', no budget'}"
        case "design":
            return f"{asked.get('family', 'CNN')} by {asked.get('method', 'deepmad')}{limits}"
        case "scale":
            return f"ViT grown{limits}"
        case "stitch":
            return f"Stitched: {_list(asked.get('anchors'), ' + ')}"
        case "train":
            return f"{asked.get('space') or _network(asked.get('architecture'))} on {asked.get('data', 'data')}"
        case _:
            return f"{KINDS.get(job.kind, job.kind)} {asked.get('name') or asked.get('device') or ''}".strip()


def chips(job: Job) -> list[tuple[str, str]]:
    """The request's main choices as label and text."""
    asked = job.request
    of_supernet = asked.get("supernet")
    wanted = (
        ("supernet", of_supernet), ("space", None if of_supernet else asked.get("space")),
        ("budget", _list(asked.get("budget"))), ("data", asked.get("data")),
        ("objectives", _list(asked.get("objectives"))), ("seed", asked.get("seed")),
    )  # fmt: skip
    return [(label, str(value)) for label, value in wanted if value not in (None, "", [])]


def _network(asked: Any) -> str:
    return asked if isinstance(asked, str) else str(asked.get("space", "network")) if asked else "network"


def _list(value: Any, join: str = ", ") -> str:
    if isinstance(value, str):
        return value
    return join.join(map(str, value)) if isinstance(value, Sequence) else ""


def state(job: Job) -> str:
    """Its state in one word or two."""
    return "stopping" if job.cancelling and not job.finished_for_good else STATES[job.state]


def share(job: Job) -> float | None:
    """How much is done, from 0 to 1; None while nobody knows."""
    done, total = _amount(job.progress, "done"), _amount(job.progress, "total")
    if job.state == "done":
        return 1.0
    return min(1.0, max(0.0, done / total)) if done is not None and total else None


def _amount(facts: Mapping[str, Any], name: str) -> float | None:
    value = facts.get(name)
    return float(value) if value is not None and is_number(value) and value >= 0 else None


def progress(job: Job) -> str:
    """One line about where it stands."""
    if job.state == "queued":
        waits = "waiting for a free runner" if job.attempt == 0 else "its runner stopped; waiting for another to go on"
        return f"{waits} (attempt {job.attempt + 1})" if job.attempt else waits
    if job.state == "failed":
        return str((job.problem or {}).get("detail") or (job.problem or {}).get("title") or "failed")
    if job.state == "cancelled":
        return "cancelled"
    return _finished(job) if job.state == "done" else _running(job.progress)


def _running(facts: Mapping[str, Any]) -> str:
    parts = [str(facts.get("message") or facts.get("phase") or "starting")]
    done, total, eta = (_amount(facts, name) for name in ("done", "total", "eta_s"))
    if done is not None and total:
        parts.append(f"{count(done)} of {count(total)}")
    if eta is not None:
        parts.append(f"about {_rough(eta)} left" if eta >= 1 else "almost there")
    return ", ".join(parts)


def _rough(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds)


def _finished(job: Job) -> str:
    said = job.summary.get("headline") or job.summary.get("recommended")
    if isinstance(said, Mapping):
        said = said.get("headline") or said.get("id")
    return str(said or "finished")


def figures(job: Job) -> list[tuple[str, str]]:
    """Numbers of a search while it runs and after: label and text."""
    known = {**job.progress, **job.summary} if job.state == "done" else {**job.summary, **job.progress}
    found = {label: write(known[key]) for key, label, write in FIGURES if is_number(known.get(key))}
    taken = took(job)
    return [*found.items(), *([("Time", taken)] if taken else [])]


def took(job: Job) -> str:
    """Computing time so far, or in all; "" before it started."""
    if job.started is None:
        return ""
    end = datetime.fromisoformat(job.finished) if job.finished else datetime.now(UTC)
    seconds = (_aware(end) - _aware(datetime.fromisoformat(job.started))).total_seconds()
    return duration(max(0.0, seconds if seconds < 10 else round(seconds)))


def ago(moment: str | None) -> str:
    """``just now``, ``5 min ago``, ``3 h ago``, ``2 days ago``; then the date."""
    if not moment:
        return ""
    then = _aware(datetime.fromisoformat(moment))
    seconds = (datetime.now(UTC) - then).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 86400:
        return f"{round(seconds / 3600)} h ago"
    days = round(seconds / 86400)
    return f"{days} day{'s' if days > 1 else ''} ago" if days < 15 else f"{then:%Y-%m-%d}"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
