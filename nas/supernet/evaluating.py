"""Evaluating subnets, round after round; interrupted anywhere, it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable

from nas.engine.driver import OnUpdate, Update
from nas.supernet.ledger import Ledger
from nas.supernet.rounds import next_round
from nas.training.job import Job
from nas.training.judge import Judge
from nas.training.run import default_device
from search_spaces import Architecture

Evaluate = Callable[[Architecture], float]


def inherited_accuracy(job: Job) -> Evaluate:
    """Architecture -> accuracy on the held-out images; see :class:`nas.training.judge.Judge`."""
    device = default_device()
    supernet, judge = job.load_supernet().to(device), Judge(job.load_data(), job.settings.calibration, device)
    return lambda architecture: judge.subnet(supernet, architecture)[1].accuracy


def evaluate_rounds(ledger: Ledger, evaluate: Evaluate, on_update: OnUpdate | None = None) -> None:
    """Until as many subnets as asked for are evaluated, or the space has no more."""
    evaluate_chosen(ledger, evaluate, on_update)
    while len(known := ledger.known()) < ledger.spec.promote:
        number = ledger.last_round + 1
        planned = next_round(ledger.spec, known, number)
        if not len(planned.chosen):
            break
        ledger.begin(number, planned)
        evaluate_chosen(ledger, evaluate, on_update)


def evaluate_chosen(ledger: Ledger, evaluate: Evaluate, on_update: OnUpdate | None = None) -> None:
    """Whoever was chosen and has no accuracy yet."""
    for architecture in ledger.waiting():
        start = time.monotonic()
        accuracy = evaluate(architecture)
        ledger.add(architecture, accuracy, time.monotonic() - start)
        if on_update is not None:
            on_update(_update(ledger))
    ledger.end()


def _update(ledger: Ledger) -> Update:
    progress, wanted = ledger.progress(ledger.last_round), ledger.spec.promote
    left_s = (wanted - progress.scored) * progress.elapsed_s / progress.scored
    return Update("judging", progress, progress.priced, wanted, left_s)
