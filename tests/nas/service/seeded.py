"""A store with jobs as a runner would leave them: real architectures of a small sample, really priced."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nas.engine.pareto import non_dominated
from nas.runs.report_data import stage_rows
from nas.service.jobs import Job, Result
from nas.service.requests import parse
from nas.service.store import JobStore
from predictors.latency import load_profile
from search_spaces import SearchSpace, get_space

OBJECTIVES = [{"name": "capacity", "direction": "max", "unit": ""}, {"name": "macs", "direction": "min", "unit": "M"}]
COLUMNS = ["id", "macs", "params", "activations", "memory", "capacity", "depth_width"]
SEARCH = {"kind": "search", "space": "elasticvit", "budget": ["600MFLOPs"], "candidates": 2000}


def open_store(folder: Path) -> JobStore:
    """An empty store."""
    return JobStore.open(f"sqlite:///{folder / 'jobs.sqlite'}", migrate=True)


@cache
def space() -> SearchSpace:
    """The space of all seeded searches."""
    return get_space("elasticvit")


@cache
def front(seed: int = 0, samples: int = 120) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """(the front of a random sample, its architectures)."""
    genomes = space().sample(samples, np.random.default_rng(seed))
    priced = space().price(genomes, ("macs", "params", "activations", "memory", "capacity"))
    keep = np.flatnonzero(priced["macs"] < 600e6)
    keep = keep[non_dominated(np.stack([-priced["capacity"][keep], priced["macs"][keep]], axis=1))]
    keep = keep[np.argsort(priced["macs"][keep])]
    found = tuple(space().decode(genomes[i]) for i in keep)
    prices = [space().price_architecture(a) for a in found]
    rows = [
        [a.id, *(p[c] for c in COLUMNS[1:-1]), 9.1 + i / 10] for i, (a, p) in enumerate(zip(found, prices, strict=True))
    ]
    best = len(rows) - 2
    return {"columns": COLUMNS, "objectives": OBJECTIVES, "rows": rows, "recommended": best, "final": True}, found


@cache
def documents(seed: int = 0) -> tuple[dict[str, Any], ...]:
    """What is kept of each architecture of a front."""
    return tuple(_document(i, a) for i, a in enumerate(front(seed)[1]))


def _document(index: int, architecture: Any) -> dict[str, Any]:
    stages = [vars(stage) for stage in stage_rows(space(), architecture)]
    table = space().operators(architecture)
    latency = []
    for device in ("pixel4", "pixel6"):
        profile = load_profile(device)
        found = profile.predict(table, "latency")
        ends = {"ms": float(found.ms[0]), "low": float(found.low[0]), "high": float(found.high[0])}
        latency.append({"device": device, "title": profile.title, **ends, "notes": list(found.warnings)})
    return {
        "id": architecture.id, "index": index, "name": f"elasticvit at {architecture.config['resolution']} px",
        "space": "elasticvit", "options": dict(architecture.options), "config": architecture.config,
        "price": space().price_architecture(architecture), "stages": stages, "latency": latency, "devices": [],
        "weights": None, "code": 'import nas\n\nmodel = nas.create_model("model.json")',
    }  # fmt: skip


def begun(rows: int) -> dict[str, Any]:
    """The front when a search has found so many."""
    whole, _ = front()
    return {**whole, "rows": whole["rows"][:rows], "recommended": None, "final": False}


def running(store: JobStore, rows: int | None = 3, user: str = "local", **fields: Any) -> tuple[Job, Any]:
    """A search that has begun; with a front of ``rows`` rows unless None."""
    job, _ = store.submit(parse({**SEARCH, **fields}), user)
    claim = store.claim("test", 600.0)
    assert claim is not None
    assert claim.job.id == job.id, "another job was waiting"
    progress = {"phase": "exploring", "done": 700, "total": 2000, "eta_s": 21.0, "priced": 700, "front_size": rows or 0}
    snapshot = None
    if rows is not None:
        snapshot = begun(rows)
    store.heartbeat(claim, 600.0, progress=progress, front=snapshot, log=["priced 700 architectures"])
    return store.job(job.id), claim


def finished(store: JobStore, seed: int = 0, user: str = "local", **fields: Any) -> Job:
    """A search that is done."""
    job, claim = running(store, None, user, seed=seed, **fields)
    whole, _ = front(seed)
    best = whole["rows"][whole["recommended"]]
    summary = {"space": "elasticvit", "headline": f"{best[0]}: {best[1] / 1e6:.1f} M MACs", "priced": 2000}
    summary |= {"rows": len(whole["rows"]), "hypervolume": 0.6183}
    assert store.finish(claim, Result(summary, whole, documents(seed)))
    return store.job(job.id)


def failed(store: JobStore, **fields: Any) -> Job:
    """A search that failed."""
    job, claim = running(store, None, **fields)
    assert store.fail(claim, {"title": "The run failed", "detail": "no island came back", "retry": True})
    return store.job(job.id)
