"""A training job as a folder: ``train.json`` (inputs, versions, results), ``checkpoint.safetensors``, ``log.csv``.

Of a single network the folder also holds ``model.json`` and ``model.safetensors``, as every saved model. Kill it at
any moment: continued, it has the loss curve of a training that was left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.runs.environment import environment
from nas.runs.place import place
from nas.training.errors import CheckpointError
from nas.training.settings import Settings
from search_spaces import Architecture, SearchSpace, get_space

FILE = "train.json"
FORMAT = 1
FIELDS = ("space", "space_options", "architecture", "settings", "data", "facts", "status")


@dataclass
class Job:
    """A job's folder and its ``train.json``. ``architecture`` is None where the whole space is trained."""

    path: Path
    document: dict[str, Any]

    @classmethod
    def create(
        cls, space: str, options: Mapping[str, Any], architecture: Architecture | None, data: str,
        facts: Mapping[str, Any], settings: Settings, out: Path | str, name: str | None, **more: Any,
    ) -> Job:  # fmt: skip
        """Make the folder ``out/name``. Raises RunError rather than write into one that exists.

        ``get_space(space, **options)`` is the space of ``architecture``, or the one that is trained whole.
        """
        kind = "supernet" if architecture is None else "network"
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        path = place(out, name or f"{space}-{kind}-{stamp}")
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise RunError(f"{path} cannot be made: {error.strerror}", path=str(path)) from None
        text = None if architecture is None else json.loads(architecture.to_json())
        document = {
            "format": FORMAT, "kind": kind, "status": "running", "space": space,
            "space_options": dict(options), "architecture": text, "data": data, "facts": dict(facts),
            "settings": settings.to_dict(), "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(), "judged": [], **more,
        }  # fmt: skip
        job = cls(path, document)
        job.update()
        return job

    @classmethod
    def open(cls, path: Path | str) -> Job:
        """Open a job's folder. Raises CheckpointError where it is none, or damaged."""
        folder = Path(path)
        try:
            document = json.loads((folder / FILE).read_text())
            if document["format"] != FORMAT:
                raise CheckpointError(f"{folder} has format {document['format']!r}; this nas reads {FORMAT}")
            missing = [field for field in FIELDS if field not in document]
            if missing:
                raise KeyError(missing[0])
        except FileNotFoundError:
            raise CheckpointError(f"{folder} is no training: it has no {FILE} ('nas train' writes it)") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{folder}/{FILE} is damaged: {error!r}", path=str(folder)) from None
        return cls(folder, document)

    def update(self, **fields: Any) -> None:
        """Change fields of ``train.json``, atomically."""
        self.document |= fields
        temporary = self.path / (FILE + ".tmp")
        temporary.write_text(json.dumps(self.document, indent=1) + "\n")
        temporary.replace(self.path / FILE)

    @property
    def is_supernet(self) -> bool:
        """Whether a whole space is trained."""
        return self.document["architecture"] is None

    @cached_property
    def settings(self) -> Settings:
        """How it is trained."""
        return Settings.from_dict(self.document["settings"])

    @cached_property
    def space(self) -> SearchSpace:
        """The space, with the options it is trained with; of a part of it (``part``) no more than that."""
        space: Any = get_space(self.document["space"], **self.document["space_options"])
        if self.document.get("part") is not None:
            space.restrict(self.document["part"])
        return space  # type: ignore[no-any-return]

    @cached_property
    def architecture(self) -> Architecture | None:
        """The network that is trained."""
        text = self.document["architecture"]
        return None if text is None else self.space.architecture(text["config"])

    def load_data(self, workers: int = 0) -> Any:
        """The data set, split as in the training. Raises DataError."""
        from nas.training.data import load_data

        s = self.settings
        return load_data(
            self.document["data"], side=s.image_size, augment=s.augment, validation=s.validation, workers=workers
        )

    def new_supernet(self) -> Any:
        """The supernet with fresh weights, made as ``train.json`` says (``supernet``: options of its space's)."""
        make: Any = self.space.supernet
        return make(**self.document.get("supernet", {}))

    def load_supernet(self) -> Any:
        """The supernet with its trained weights, the averaged ones where there are. Raises CheckpointError."""
        from nas.training.checkpoint import load

        if not self.is_supernet:
            raise CheckpointError(f"{self.path} trains one network, no supernet; fine-tune or export it as it is")
        checkpoint = load(self.path)
        supernet = self.new_supernet()
        checkpoint.fill(supernet, "model/", "average/")
        return supernet


def refuse_supernet(folder: Path) -> None:
    """Raise CheckpointError where one network is asked for and the folder holds a supernet."""
    if (folder / FILE).is_file() and Job.open(folder).is_supernet:
        raise CheckpointError(
            f"{folder} is a supernet; take one network out of it: nas extract {folder} largest --out my-model"
        )
