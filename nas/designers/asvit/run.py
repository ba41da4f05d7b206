"""A scaling as a run directory, from the question to the report; kill it at any moment and :func:`proceed` goes on.

``run.json`` (question, versions, hardware), ``evaluations.jsonl`` (a line per measured network), then ``seeds.csv``
(every judged seed), ``series.json``, ``front.csv`` and ``architectures/*.json`` (the series, largest first),
``report.html``, ``front.png``, ``summary.md``. ``nas build``, ``export``, ``price``, ``runs``, ``compare`` and
``nas.load_run`` read it as any run. There is no database: the log is the record, and a resumed run replays it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nas.designers.asvit.evolution import Evolution
from nas.designers.asvit.growth import Growth, Step, grow
from nas.designers.asvit.judge import Judge
from nas.designers.asvit.policy import PolicySearch
from nas.designers.asvit.question import Question
from nas.designers.asvit.seeds import SeedSearch, agreement
from nas.designers.asvit.series import Network, Series
from nas.engine.spec import SearchSpec
from nas.errors import RunError, RunFailed
from nas.runs.environment import environment
from nas.runs.place import place
from nas.runs.run import FORMAT, Run
from search_spaces.asvit import AsViT

LOG = "evaluations.jsonl"
SEED_SHARE = 2 / 3
"""Of --minutes, what the seed search may take; growth takes the rest (a guess: it ends at the budget, not in time)."""
KIND = "scale"


@dataclass(frozen=True)
class Progress:
    """What is being judged: ``phase`` is seeds or growth, ``total`` is None where growth ends at the budget."""

    phase: str
    done: int
    total: int | None
    text: str = ""


OnProgress = Callable[[Progress], None]


def begin(
    question: Question, out: Path, name: str | None, command: str = "",
    on_sound: Callable[[Question], None] | None = None,
) -> Path:  # fmt: skip
    """Make the run's directory. Raises NasError for a bad question, RunError where the directory cannot be made."""
    stamp = datetime.now(UTC)
    path = place(out, name or f"asvit-{stamp:%Y%m%d-%H%M%S}")
    question.check()
    if on_sound is not None:
        on_sound(question)
    spec = SearchSpec("asvit", dict(question.options), question.budgets, proxies=(), seed=question.seed)
    document = {
        "format": FORMAT, "id": uuid.uuid4().hex, "name": path.name, "kind": KIND, "status": "running",
        "spec": spec.to_dict(), "scaling": question.to_dict(), "created": stamp.isoformat(timespec="seconds"),
        "storage": None, "environment": environment(), "reproducible": question.minutes is None, "command": command,
        "recommended": 0,
    }  # fmt: skip
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{path} cannot be made: {error.strerror}", path=str(path)) from None
    Run(path, document).save()
    return path


def proceed(path: Path, workers: int, on_progress: OnProgress | None = None) -> Series:
    """Run the scaling of a directory to its end, from wherever it was. A finished one is read. Raises NasError."""
    from nas.designers.asvit.folder import load, write

    run = Run.open(path)
    if run.document.get("kind") != KIND:
        raise RunError(f"{path} is no scaling but a {run.document.get('kind', 'search')}", path=str(path))
    if run.status == "done":
        return load(path)
    question = Question.from_dict(run.document.get("scaling"))
    try:
        series, seeds = _work(path, question, workers, on_progress or (lambda progress: None))
    except RunFailed as error:
        raise RunFailed(str(error), path=str(path)) from None
    write(series, seeds, path)
    run.update(status="done")
    return series


def _work(path: Path, question: Question, workers: int, tell: OnProgress) -> tuple[Series, SeedSearch]:
    from nas.designers.asvit.measure import Bench
    from nas.designers.asvit.workers import measuring

    space, protocol = question.space(), question.judging
    bench = Bench(protocol, question.seed, question.images())
    with measuring(bench, workers) as measure:
        total = question.steps

        def judge_of(phase: str, note: Callable[[], str]) -> Judge:
            most = total if phase == "seeds" else None
            return Judge(measure, protocol.repeats, path / LOG, lambda n: tell(Progress(phase, n, most, note())))

        seeding = judge_of("seeds", lambda: "")
        seeds = _seeds(question, space, seeding)
        grown: list[Step] = []
        growing = judge_of("growth", lambda: _size(grown))
        growth = grow(space, seeds.seed, growing, question.limits, grown.append)
    failed = len(seeding.failed) + len(growing.failed)
    return _series(path, question, seeds, growth, failed), seeds


def _seeds(question: Question, space: AsViT, judge: Judge) -> SeedSearch:
    kind = Evolution if question.judging.search == "evolution" else PolicySearch
    rng = np.random.default_rng(question.seed)
    begin = time.monotonic()
    limit_s = None if question.minutes is None else 60 * question.minutes * SEED_SHARE
    search = kind(space, judge, question.limits.intervals, rng)
    return search.run(question.steps, lambda: limit_s is not None and time.monotonic() - begin > limit_s)


def _size(grown: list[Step]) -> str:
    if not grown:
        return ""
    macs, params = grown[-1].prices["macs"] / 1e9, grown[-1].prices["params"] / 1e6
    return f"step {len(grown) - 1}: {macs:.2f} G MACs, {params:.1f} M parameters"


def _series(path: Path, question: Question, seeds: SeedSearch, growth: Growth, failed: int) -> Series:
    networks = []
    for step in growth.steps:
        sizes, judged = (int(step.prices["macs"]), int(step.prices["params"])), step.judgement
        networks.append(Network(step.architecture, *sizes, judged.le, judged.ntk, step.candidates))
    return Series(
        tuple(networks), len(seeds.judged), failed, agreement(seeds.judged), growth.ended, question.minutes is None,
        path,
    )  # fmt: skip


def read_document(path: Path) -> dict[str, Any]:
    """``run.json``. Raises RunError."""
    try:
        found = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}/run.json cannot be read: {error}", path=str(path)) from None
    return found  # type: ignore[no-any-return]
