"""The record of a training: ``log.csv`` always, TensorBoard events where tensorboardX is installed."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any

from nas.training.errors import CheckpointUnwritten
from nas.training.trainer import Progress

FILE = "log.csv"
COLUMNS = ("step", "epoch", "loss", "lr", "images_per_s", "subnets")


class Log:
    """Appends to a job's folder; rows from step ``after`` on, of a run that was killed, are dropped first."""

    def __init__(self, folder: Path, after: int) -> None:
        self._path = folder / FILE
        _keep(self._path, [row for row in read(folder) if int(row["step"]) <= after])
        self._file = self._path.open("a", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._board = _board(folder / "tensorboard", after)

    def step(self, progress: Progress) -> None:
        """One row, on the disk at once. Raises CheckpointUnwritten."""
        p = progress
        row = [p.step, p.epoch, f"{p.loss:.9g}", f"{p.lr:.9g}", f"{p.images_per_s:.4g}", "+".join(p.subnets)]
        try:
            self._writer.writerow(row)
            self._file.flush()
        except OSError as error:
            reason = f"{self._path} cannot be written ({error.strerror})"
            raise CheckpointUnwritten(reason, path=str(self._path.parent)) from None
        self.scalars(p.step, {"train/loss": p.loss, "train/lr": p.lr, "train/images_per_s": p.images_per_s})

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Figures for TensorBoard."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Release the files."""
        with suppress(OSError):  # a row that the disk had no room for
            self._file.close()
        if self._board is not None:
            self._board.close()


def _keep(path: Path, rows: list[dict[str, str]]) -> None:
    """Replace the file by these rows, so that a kill or a full disk meanwhile loses none."""
    partial = path.with_suffix(".tmp")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


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
