"""One job of a service: its state, its progress as it happens, and everything that it came to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.client.errors import JobFailed, ServiceError, WaitTimeout
from nas.client.events import Event, follow
from nas.client.transport import Transport
from nas.service.jobs import Job

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

SHORTEST_POLL_S, LONGEST_POLL_S = 0.1, 2.0
FILES = ("model.json", "model.onnx", "weights.safetensors")
"""What can be downloaded of an architecture."""


class RemoteJob:
    """A job that a service runs. ``job`` is its state when last asked for; :meth:`refresh` asks again."""

    def __init__(self, transport: Transport, document: Mapping[str, Any], patience_s: float) -> None:
        self._transport = transport
        self._patience_s = patience_s
        self.job = job_of(document)

    def __repr__(self) -> str:
        return f"RemoteJob({self.id!r}, {self.job.kind}, {self.state})"

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return self.job.id

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``done``, ``failed`` or ``cancelled``, when last asked for."""
        return self.job.state

    @property
    def url(self) -> str:
        """Where a person can look at it."""
        return f"{self._transport.url}/jobs/{self.id}"

    # ---- how it goes ------------------------------------------------------------------------------------------

    def refresh(self) -> RemoteJob:
        """Ask for its state; returns itself."""
        self.job = job_of(self._transport.ask("GET", self._path))
        return self

    def wait(self, timeout_s: float | None = None) -> RemoteJob:
        """Wait until it is done; returns itself.

        Raises JobFailed where it failed or was cancelled, WaitTimeout where it takes longer than ``timeout_s``
        (it goes on), ServerUnreachable.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause = SHORTEST_POLL_S
        while not self.refresh().job.finished_for_good:
            if deadline is not None and time.monotonic() + pause > deadline:
                raise WaitTimeout(
                    f"job {self.id} is {self.state} after {timeout_s:g} s and goes on; wait for it again",
                    status=None, problem={}, job=self.id, state=self.state,
                )  # fmt: skip
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_S)
        return self._succeeded()

    def events(self) -> Iterator[Event]:
        """What happens to it, as it happens, until it has ended: ``job`` events (the job) and ``front`` events.

        A connection that breaks is taken up again. Raises ServerUnreachable.
        """
        for event in follow(self._transport, f"{self._path}/events", self._patience_s):
            if event.name == "job":
                self.job = job_of(event.data)
            yield event
            if event.name == "job" and self.job.finished_for_good:
                return
        self.refresh()

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        """Its log lines after number ``after``: ``n``, ``time`` and ``line`` of each."""
        return list(self._transport.ask("GET", f"{self._path}/log", params={"after": after})["lines"])

    def cancel(self) -> RemoteJob:
        """Ask that it stops; returns itself. Cancelling an ended job changes nothing."""
        self._transport.send("POST", f"{self._path}/cancel")
        return self.refresh()

    def delete(self) -> None:
        """Delete it with everything it came to. A running job has to be cancelled first (Conflict)."""
        self._transport.delete(self._path)

    # ---- what it came to --------------------------------------------------------------------------------------

    @property
    def front(self) -> pd.DataFrame:
        """Its front as it is now, best of the first objective first; see ``nas.Run.front`` for the columns.

        Raises NotFound while there is none.
        """
        import pandas as pd

        document = self.front_document()
        return pd.DataFrame(document["rows"], columns=document["columns"])

    def front_document(self) -> dict[str, Any]:
        """The front as the service says it: ``columns``, ``objectives``, ``rows``, ``recommended``, ``final``."""
        return dict(self._transport.ask("GET", f"{self._run}/front"))

    def front_csv(self) -> str:
        """The front as CSV, a header first."""
        return self._transport.send("GET", f"{self._run}/front", params={"format": "csv"}).text

    @property
    def recommended(self) -> int | None:
        """The row of the front that is recommended, None while there is none."""
        row = self.front_document().get("recommended")
        return None if row is None else int(row)

    def architecture(self, index: int | None = None) -> dict[str, Any]:
        """One row of the front, by default the recommended one: config, price, stages, latency by device, code."""
        return dict(self._transport.ask("GET", f"{self._run}/architectures/{self._row(index)}"))

    def build(self, index: int | None = None) -> nn.Module:
        """The PyTorch module of one row of the front (default: recommended), with fresh weights, built here.

        Needs nothing of the service but the JSON of the architecture. Raises SpaceError where this installation does
        not know it.
        """
        from tempfile import TemporaryDirectory

        from nas.api import create_model

        with TemporaryDirectory() as folder:
            return create_model(self.download(self._row(index), "model.json", Path(folder) / "model.json"))

    def download(self, index: int | None, name: str, file: str | Path) -> Path:
        """Save ``model.json``, ``model.onnx`` or ``weights.safetensors`` of one row of the front to ``file``."""
        if name not in FILES:
            from search_spaces.errors import unknown_name

            raise unknown_name("download", name, FILES)
        return self._transport.save(f"{self._run}/architectures/{self._row(index)}/{name}", Path(file))

    def report(self, file: str | Path) -> Path:
        """Save its report, one HTML page, to ``file``."""
        return self._transport.save(f"{self._run}/report", Path(file))

    # ---- inside -----------------------------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"/v1/jobs/{self.id}"

    @property
    def _run(self) -> str:
        return f"/v1/runs/{self.id}"

    def _row(self, index: int | None) -> int:
        return index if index is not None else self.recommended or 0

    def _succeeded(self) -> RemoteJob:
        if self.state == "done":
            return self
        problem = dict(self.job.problem or {})
        reason = problem.get("detail") or problem.get("title") or "without a reason"
        raise JobFailed(
            f"job {self.id} was cancelled" if self.state == "cancelled" else f"job {self.id} failed: {reason}",
            status=None, problem=problem, job=self.id, state=self.state,
        )  # fmt: skip


def job_of(document: Mapping[str, Any]) -> Job:
    """A job from its JSON; fields that this version does not know are passed over. Raises ServiceError for no job."""
    known = {field.name for field in fields(Job)}
    try:
        return Job(**{name: value for name, value in document.items() if name in known})
    except (TypeError, AttributeError):
        raise ServiceError("the service's answer is no job: is its version another?", status=None, problem={}) from None
