"""Models as files, made when they are first asked for, one at a time, each in a process of its own.

They are kept in the run's folder under the architecture's id, and thrown away with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from nas.errors import NasError
from nas.service.operations.logs import LOGGER, log
from nas.service.security.roots import DataRoots

FILES = {"model.onnx": ("onnx", ".onnx"), "weights.safetensors": ("state-dict", ".safetensors")}
"""Downloads by name: format of ``nas export``, and the suffix of the file that is kept."""
MOST_WAITING = 8
MODULE = "nas.service.app.exporting"
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class NotExported(NasError):
    """An architecture that cannot be written in a format."""


class Exports:
    """``runs``: the folder of the runs. An export that takes longer than ``limit_s`` is killed."""

    def __init__(self, runs: Path, limit_s: float) -> None:
        self._runs, self._limit_s = runs.absolute(), limit_s
        self._under_way: dict[Path, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)

    async def file(self, job: str, document: Mapping[str, Any], name: str) -> Path:
        """The file ``name`` (of :data:`FILES`) of an architecture. Raises NotExported, HTTPException (429)."""
        format, suffix = FILES[name]
        path = self._runs / job / "exports" / f"{document['id']}{suffix}"
        if not path.is_file():
            if path not in self._under_way:
                self._begin(path, self._order(job, document, format, path))
            # Whoever asked may leave: the file is made for the next one.
            await asyncio.shield(self._under_way[path])
        return path

    def _begin(self, path: Path, order: Mapping[str, Any]) -> None:
        if len(self._under_way) >= MOST_WAITING:
            raise HTTPException(429, "too many models are being exported; try again", headers={"Retry-After": "10"})
        task = asyncio.get_running_loop().create_task(self._make(order))
        self._under_way[path] = task
        task.add_done_callback(lambda _: self._under_way.pop(path, None))

    def _order(self, job: str, document: Mapping[str, Any], format: str, path: Path) -> dict[str, Any]:
        """What the process is told. Weights lie in the run's own folder, or there are none."""
        given = document.get("weights")
        weights = DataRoots({job: self._runs / job}).resolve(f"{job}/{given}") if given else None
        if weights is not None and not weights.is_file():
            raise NotExported("the weights of this run are not on this host")
        architecture = {key: document[key] for key in ("space", "config", "options")}
        return {"architecture": architecture, "format": format, "weights": weights and str(weights), "out": str(path)}

    async def _make(self, order: Mapping[str, Any]) -> None:
        async with self._turn:
            Path(order["out"]).parent.mkdir(parents=True, exist_ok=True)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, start_new_session=True, env=os.environ | THREADS,
            )  # fmt: skip
            try:
                talk = process.communicate(json.dumps(order).encode())
                _, said = await asyncio.wait_for(talk, self._limit_s)
            except TimeoutError:
                raise NotExported(f"the export took longer than {self._limit_s:.0f} s") from None
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        lines = said.decode("utf-8", "replace").strip().splitlines() or ["it ended without a word"]
        if process.returncode == 2:
            raise NotExported(lines[-1])
        if process.returncode:
            LOGGER.error("an export failed: %s", lines[-1])
            raise NotExported(f"this architecture could not be exported as {order['format']}")
        log("exported", format=order["format"], out=Path(order["out"]).name)
