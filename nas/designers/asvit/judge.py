"""Judge: LE and NTK of architectures, measured once each, remembered in the run's log, on several processes.

The log has a line per measured network, so a run that is killed loses at most the lines being computed. Values depend
on the run's seed and the architecture alone, so a search replayed on a log comes to where it was, at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError

if TYPE_CHECKING:
    from nas.designers.asvit.measure import Measured, Task
    from search_spaces import Architecture

Measure = Callable[[Iterable["Task"]], Iterable[tuple["Task", "Measured"]]]
"""Runs tasks somewhere and hands each back with its outcome, in any order."""


@dataclass(frozen=True)
class Judgement:
    """Means over the repeats of a protocol; None, and why, where any repeat had no value."""

    architecture: Architecture
    le: float | None
    ntk: float | None
    seconds: float
    failure: str = ""

    @classmethod
    def of(cls, architecture: Architecture, repeats: Sequence[Measured]) -> Judgement:
        """From one architecture's measurements."""
        seconds = sum(m.seconds for m in repeats)
        failed = next((m for m in repeats if m.le is None or m.ntk is None), None)
        if failed is not None:
            return cls(architecture, None, None, seconds, f"{failed.status}: {failed.message}")
        le, ntk = (sum(getattr(m, name) for m in repeats) / len(repeats) for name in ("le", "ntk"))
        return cls(architecture, float(f"{le:.6g}"), float(f"{ntk:.6g}"), seconds)


class Judge:
    """``judge(architectures)`` gives their judgements in order; ``judged`` are all so far, in order of asking.

    ``on_judged(count)`` is told how many, as the count grows.
    """

    def __init__(
        self, measure: Measure, repeats: int, log: Path | None = None, on_judged: Callable[[int], None] | None = None
    ) -> None:
        self._measure, self._repeats, self._log, self._on_judged = measure, repeats, log, on_judged
        self._known: dict[str, Measured] = _read(log) if log is not None else {}
        self._told = -1
        self.judged: dict[tuple[str, int], Judgement] = {}

    def __call__(self, architectures: Sequence[Architecture], draw: int = 0) -> list[Judgement]:
        """Judge each; ``draw`` other than 0 judges an architecture anew, on other weights."""
        from nas.designers.asvit.measure import Task

        tasks = [[Task(a, draw, r) for r in range(self._repeats)] for a in architectures]
        missing = {t.key: t for group in tasks for t in group if t.key not in self._known}
        self._run(list(missing.values()))
        found = []
        for architecture, group in zip(architectures, tasks, strict=True):
            judgement = Judgement.of(architecture, [self._known[t.key] for t in group])
            self.judged[architecture.id, draw] = judgement
            found.append(judgement)
        self._tell(len(self.judged))
        return found

    def _run(self, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        for done, (task, measured) in enumerate(self._measure(tasks), start=1):
            self._known[task.key] = measured
            if self._log is not None:
                _append(self._log, task, measured)
            self._tell(len(self.judged) + done // self._repeats)

    def _tell(self, count: int) -> None:
        if self._on_judged is not None and count != self._told:
            self._told = count
            self._on_judged(count)

    @property
    def failed(self) -> list[Judgement]:
        """Those without a value."""
        return [j for j in self.judged.values() if j.le is None]


def _append(log: Path, task: Task, measured: Measured) -> None:
    from search_spaces.asvit import released

    row = {"key": task.key, "genotype": released.write(task.architecture.config), **asdict(measured)}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _read(log: Path) -> dict[str, Measured]:
    """What a log holds; a last line that a killed process left unfinished is cut off."""
    from nas.designers.asvit.measure import Measured

    if not log.exists():
        return {}
    text = log.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        log.write_text(whole, encoding="utf-8")
    names = ("le", "ntk", "status", "message", "seconds")
    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
        return {row["key"]: Measured(**{name: row[name] for name in names}) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{log} is damaged: {error!r:.200}", path=str(log.parent)) from None
