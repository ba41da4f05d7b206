"""Run: a search as a directory.

``run.json`` (inputs, versions, seed, git state, hardware), ``run.sqlite``, ``front.csv``, ``architectures/*.json``,
``report.html``, ``front.png``, ``summary.md``. Everything in a report can be rebuilt from the first two.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nas.engine.spec import SearchSpec
from nas.errors import NasError, ResumeMismatch, RunError
from nas.runs.environment import environment
from nas.runs.place import place
from nas.runs.store import Store
from search_spaces import Architecture, SearchSpace
from search_spaces.pricing import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

FORMAT = 1
STITCH = "stitch"
"""Kind of a run of ``nas stitch`` in ``run.json``."""


class Run:
    """A run directory, opened. Make one with :meth:`create`, open one with :meth:`open` (or ``nas.load_run``)."""

    def __init__(self, path: Path, document: Mapping[str, Any], storage: str | None = None) -> None:
        self.path = path
        self.document = dict(document)
        self._storage = storage or self.document.get("storage")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def create(
        cls, spec: SearchSpec, out: Path | str = "results", *, name: str | None = None, storage: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Run:  # fmt: skip
        """Make the directory of a new run under ``out``. Raises RunError rather than write into one that exists."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        name = name or f"{spec.space}-{stamp}"
        path = place(out, name)
        identity = uuid.uuid4().hex
        if storage:
            Store(storage, identity).close()  # a database that cannot be opened is found before anything is written
        hidden = sa.make_url(storage).render_as_string(hide_password=True) if storage else None
        document = {
            "format": FORMAT, "id": identity, "name": name, "status": "running",
            "spec": spec.to_dict() | {"devices": {d: _profile_path(d) for d in spec.devices}},
            "created": datetime.now(UTC).isoformat(timespec="seconds"), "storage": hidden,
            "environment": environment(), "reproducible": True, **(facts or {}),
        }  # fmt: skip
        if storage and hidden:
            # The command line is shown in the report; the password in it must not be.
            document["command"] = str(document.get("command", "")).replace(storage, hidden)
        try:
            path.mkdir(parents=True)
            for device, profile in spec.devices.items():
                _keep(profile, path / _profile_path(device))
        except OSError as error:
            raise RunError(f"{path} cannot be made: {error.strerror}", path=str(path)) from None
        run = cls(path, document, storage)
        run.spec = spec  # with its space, whose look-ups may be compiled already
        run.save()
        return run

    @classmethod
    def open(cls, path: Path | str, storage: str | None = None) -> Run:
        """Open a run directory. Raises RunError where it is none, or damaged."""
        folder = Path(path)
        try:
            document = json.loads((folder / "run.json").read_text())
            if document["format"] != FORMAT:
                raise RunError(f"{folder} has run format {document['format']!r}; this nas reads {FORMAT}")
            SearchSpec.from_dict(document["spec"])
            for key in ("id", "name", "status"):
                if not isinstance(document[key], str):
                    raise TypeError(key)
        except FileNotFoundError:
            raise RunError(f"{folder} is no run directory: it has no run.json", path=str(folder)) from None
        except (OSError, ValueError, KeyError, TypeError, NasError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError(f"{folder}/run.json is damaged: {error!r}", path=str(folder)) from None
        return cls(folder, document, storage)

    def save(self) -> None:
        """Write ``run.json``, atomically."""
        temporary = self.path / "run.json.tmp"
        temporary.write_text(json.dumps(self.document, indent=1) + "\n")
        temporary.replace(self.path / "run.json")

    def update(self, **fields: Any) -> None:
        """Change fields of ``run.json``."""
        self.document |= fields
        self.save()

    # ---- what the run is --------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Unique for ever."""
        return str(self.document["id"])

    @property
    def name(self) -> str:
        """The directory's name when it was made."""
        return str(self.document["name"])

    @property
    def status(self) -> str:
        """``running`` (or interrupted), ``done``."""
        return str(self.document["status"])

    @property
    def is_stitched(self) -> bool:
        """Whether it is one of ``nas stitch``."""
        return self.document.get("kind") == STITCH

    @cached_property
    def spec(self) -> SearchSpec:
        """The inputs of the search."""
        spec = dict(self.document["spec"])
        profiles = {d: _kept(self.path, text) for d, text in spec.get("devices", {}).items()}
        return SearchSpec.from_dict(spec | {"devices": profiles})

    @cached_property
    def space(self) -> SearchSpace:
        """The space that was searched. Raises UnknownName where it is not installed any more."""
        return self.spec.search_space

    @cached_property
    def store(self) -> Store:
        """The run's database."""
        if self._storage and ":***@" in self._storage:
            raise ResumeMismatch(f"{self.path} keeps its rows in {self._storage}: give --storage with the password")
        return Store(self._storage, self.id) if self._storage else Store.in_folder(self.path, self.id)

    # ---- what it found ----------------------------------------------------------------------------------------

    @property
    def front(self) -> pd.DataFrame:
        """``front.csv``: one row per architecture, best of the first objective first.

        Columns: ``id``, ``macs``, ``params``, ``activations`` (elements), ``memory`` (bytes), ``capacity``, every
        proxy score, and ``architecture``, the path of its JSON relative to the run.
        """
        import pandas as pd

        try:
            return _checked(pd.read_csv(self.path / "front.csv", dtype={"id": str}))
        except FileNotFoundError:
            hint = f"; continue it with: nas resume {self.path}" if self.status != "done" else ""
            raise RunError(f"{self.path} has no front yet{hint}", path=str(self.path)) from None
        except ValueError as error:
            hint = f"rebuild it with: nas report {self.path}"
            raise RunError(f"{self.path}/front.csv is damaged ({error}); {hint}", path=str(self.path)) from None

    def architecture(self, index: int = 0) -> Architecture:
        """The architecture of one row of the front. Raises RunError where there is no such row."""
        front = self.front
        if not -len(front) <= index < len(front):
            raise RunError(f"{self.path} has a front of {len(front)}: index must be 0..{len(front) - 1}, got {index}")
        path = (self.path / str(front["architecture"].iloc[index])).resolve()
        if self.path.resolve() not in path.parents:
            raise RunError(f"{self.path}/front.csv points outside of the run: {front['architecture'].iloc[index]!r}")
        try:
            return Architecture.from_json(path.read_text())
        except OSError as error:
            raise RunError(f"{path.name} of {self.path} cannot be read: {error.strerror}") from None

    @property
    def recommended(self) -> int:
        """Index of the recommended architecture in the front."""
        return int(self.document.get("recommended", 0))

    def build(self, index: int = 0) -> nn.Module:
        """The PyTorch module of one row of the front: of a stitched run with its trained weights, else fresh ones."""
        architecture = self.space.architecture(self.architecture(index).config)
        if self.is_stitched:
            from nas.stitching.trained import trained_route

            return trained_route(self, architecture)
        return self.space.model(architecture)


def _profile_path(device: str) -> str:
    """Where in a run's folder the profile of a device (a name, or a file's path) is kept."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(device).name).lstrip(".")
    return f"devices/{name.removesuffix('.json')}-{sha256(device.encode()).hexdigest()[:6]}.json"


def _keep(profile: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(profile) + "\n")


def _kept(folder: Path, text: str) -> Any:
    """The profile at a path relative to the run. Raises RunError where it is missing, damaged or elsewhere."""
    path = (folder / text).resolve()
    if folder.resolve() not in path.parents:
        raise RunError(f"{folder}/run.json points outside of the run: {text!r}")
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}/{text} is missing or damaged: {error}", path=str(folder)) from None


def _checked(front: pd.DataFrame) -> pd.DataFrame:
    """``front`` if it has rows, and numbers in every column that all fronts have; else ValueError."""
    missing = [c for c in ("id", *QUANTITIES, "architecture") if c not in front]
    if missing:
        raise ValueError(f"no column {missing[0]!r}")
    if not len(front):
        raise ValueError("no rows")
    numbers = front[list(QUANTITIES)]
    if numbers.isna().any(axis=None) or any(t.kind not in "if" for t in numbers.dtypes):
        raise ValueError("a price that is no number")
    return front


def list_runs(out: Path | str = "results") -> list[Run]:
    """Runs under a folder, oldest first; what is no run is passed over."""
    found = []
    for path in sorted(Path(out).glob("*/run.json")):
        try:
            found.append(Run.open(path.parent))
        except RunError:
            continue
    return sorted(found, key=lambda run: str(run.document.get("created", "")))
