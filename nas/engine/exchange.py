"""The exchange: finished generations of every island as files, written once and atomically.

An island that dies restarts from its last file; a neighbour reads migrants from it; the driver merges from it. With
Ray on several machines the run directory must lie on a file system that all of them see.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from nas.engine.island import Commit
from nas.errors import RunError


class Exchange:
    """Commits under ``folder``: ``islands/<island>/<generation>.npz``."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def _path(self, island: int, generation: int) -> Path:
        return self.folder / f"{island:04d}" / f"{generation:08d}.npz"

    def write(self, island: int, commit: Commit) -> None:
        """Persist a commit. Writing the same one again changes nothing."""
        path = self._path(island, commit.generation)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        arrays = {f"price_{k}": v for k, v in commit.prices.items()}
        with temporary.open("wb") as stream:
            np.savez(stream, genomes=commit.genomes, survivors=commit.survivors, **arrays)  # type: ignore[arg-type]
        temporary.replace(path)

    def read(self, island: int, generation: int) -> Commit | None:
        """The commit, or None while there is none. Raises RunError where the file is damaged."""
        path = self._path(island, generation)
        try:
            with np.load(path, allow_pickle=False) as data:
                prices = {k.removeprefix("price_"): data[k] for k in data.files if k.startswith("price_")}
                return Commit(generation, data["genomes"], prices, data["survivors"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RunError(f"{path.name} of island {island} is damaged: {error}", path=str(path)) from None

    def latest(self, island: int) -> int:
        """The last committed generation of an island, -1 if none."""
        names = [p.stem for p in (self.folder / f"{island:04d}").glob("*.npz")]
        return max(map(int, names), default=-1)

    def forget_before(self, generation: int) -> None:
        """Delete commits that nobody can still need: those before a generation that every island has finished."""
        for path in self.folder.glob("*/*.npz"):
            if int(path.stem) < generation:
                path.unlink(missing_ok=True)

    @property
    def stopping(self) -> bool:
        """Whether islands were told to stop after their current generation."""
        return (self.folder / "stop").exists()

    def stop(self) -> None:
        """Tell every island to stop after its current generation."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stop").touch()

    def resume(self) -> None:
        """Take :meth:`stop` back."""
        (self.folder / "stop").unlink(missing_ok=True)
