"""What jobs share that the search engine carries out: progress, the front so far, and folders of attempts before."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from nas.service.runner.describing import front_document
from nas.service.runner.task import Task

if TYPE_CHECKING:
    from nas.engine.driver import Update
    from nas.runs.run import Run

LIVE_ROWS = 200
"""Of the front so far: an even spread over it."""


def has_begun(task: Task, document: str = "run.json") -> bool:
    """Whether an attempt before got as far as to be resumed; what is left of one that did not is removed."""
    if (task.folder / document).is_file():
        return True
    shutil.rmtree(task.folder, ignore_errors=True)
    return False


class Watch:
    """An ``on_update`` that tells progress and the front so far; ``on_start`` tells it the run."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._run: Run | None = None

    def started(self, run: Run) -> None:
        """The run's folder is there."""
        self._run = run

    def __call__(self, update: Update) -> None:
        """See ``nas.engine.driver.Update``."""
        p = update.progress
        exploring = update.phase == "exploring"
        done, total = (p.priced, update.candidates) if exploring else (p.scored, update.to_score)
        phase = "finishing" if update.phase == "done" else update.phase  # the report is still to be written
        self._task.progress(
            phase, done, total, eta_s=update.eta_s, priced=p.priced, candidates=update.candidates,
            scored=p.scored, to_score=update.to_score, front_size=p.front_size,
            hypervolume=float(f"{p.hypervolume:.6g}"), elapsed_s=round(p.elapsed_s, 2),
        )  # fmt: skip
        if self._run is not None and self._task.due("front"):
            self._task.front(live_front(self._run, update))


def live_front(run: Run, update: Update) -> dict[str, Any]:
    """The front so far: what the operator table gives while exploring, what is judged afterwards."""
    from nas.errors import RunFailed
    from nas.runs.finish import front_of

    space, quantities = run.space, list(run.space.quantities)
    if update.archive is None or update.phase != "exploring":
        try:
            frame = front_of(run).drop(columns="genome")
            columns = [c for c in frame.columns if frame[c].notna().all()]
            rows = frame[columns].to_numpy(dtype=object).tolist()
            return front_document(columns, rows, run.spec.objective_list, None, final=False)
        except RunFailed:
            if update.archive is None:
                return front_document(["id", *quantities], [], run.spec.objective_list, None, final=False)
    genomes = update.archive.spread(LIVE_ROWS)
    prices = space.price(genomes, space.quantities)
    rows = [
        [space.decode(genome).id, *(prices[q][i].item() for q in quantities)] for i, genome in enumerate(genomes)
    ]  # fmt: skip
    return front_document(["id", *quantities], rows, run.spec.explored, None, final=False)
