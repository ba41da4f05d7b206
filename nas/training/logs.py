"""The record of a training: ``log.csv`` always, TensorBoard events where tensorboardX is installed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from nas.training.trainer import Progress

FILE = "log.csv"
COLUMNS = ("step", "epoch", "loss", "lr", "images_per_s", "subnets")


class Log:
    """Appends to a job's folder; rows from step ``after`` on, of a run that was killed, are dropped first."""

    def __init__(self, folder: Path, after: int) -> None:
        path = folder / FILE
        kept = [row for row in read(folder) if int(row["step"]) <= after]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        self._file = path.open("a", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._board = _board(folder / "tensorboard", after)

    def step(self, progress: Progress) -> None:
        """One row, on the disk at once."""
        p = progress
        self._writer.writerow(
            [p.step, p.epoch, f"{p.loss:.9g}", f"{p.lr:.9g}", f"{p.images_per_s:.4g}", "+".join(p.subnets)]
        )
        self._file.flush()
        self.scalars(p.step, {"train/loss": p.loss, "train/lr": p.lr, "train/images_per_s": p.images_per_s})

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Figures for TensorBoard."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Release the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _board(folder: Path, after: int) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=after + 1)


def read(folder: Path) -> list[dict[str, str]]:
    """The rows so far; a last line cut short by a kill is left out."""
    path = folder / FILE
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and row["step"].isdecimal()]
