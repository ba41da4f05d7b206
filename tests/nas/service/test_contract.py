"""The contract: whatever schemathesis makes of the OpenAPI document, the service answers as the document says.

All of its checks, in process, with a token and without one. It knows of no meaning: a request may fit its schema and
make no sense, such as a budget that cannot be met, which is 422; so 422 is an answer to data that fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from nas.service.app import create_app
from nas.service.app.documents import JOB_ID
from nas.service.app.exports import Exports
from nas.service.security import identity
from nas.service.settings import Settings
from tests.nas.service import seeded

BASE = "http://127.0.0.1:8000"
FITS = ["2xx", "304", "401", "403", "404", "409", "413", "422", "429"]


class Ready(Exports):
    """Exports that are there already: what they hold is tested elsewhere."""

    async def file(self, job: str, document: Any, name: str) -> Path:
        """A small file."""
        path = self._runs / f"small{name}"
        path.write_bytes(b"tensors")
        return path


class Contract:
    """A server with jobs of every state, and what schemathesis finds in it."""

    def __init__(self, folder: Path, host: str) -> None:
        self.store = seeded.open_store(folder)
        self.job = seeded.finished(self.store).id
        seeded.failed(self.store)
        seeded.running(self.store)
        settings = Settings(data=folder, host=host, rate_per_s=1e6, burst=1_000_000, stream_s=0.02, poll_s=0.01)
        self.app = create_app(settings, self.store)
        self.app.state.service = replace(self.app.state.service, exports=Ready(settings.runs, 1.0))
        report = settings.runs / self.job / "report.html"
        report.parent.mkdir()
        report.write_text("<!doctype html><title>report</title>")

    def failures(self, token: str | None, most: int, **phases: Any) -> tuple[int, set[str]]:
        """(how many requests were sent, what was wrong with the answers)."""
        document = json.loads(json.dumps(self.app.openapi()).replace(JOB_ID, self.job))
        schema = schemathesis.openapi.from_dict(document, config=_config(token, most, phases))
        schema.app = self.app
        sent, wrong = 0, set()
        for event in from_schema(schema).execute():
            if isinstance(event, NonFatalError):
                wrong.add(f"{event.label}: {event.value}")
            if isinstance(event, ScenarioFinished):
                sent += len(event.recorder.interactions)
                wrong |= set(_failed(event))
        return sent, wrong


def _failed(event: ScenarioFinished) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                said = event.recorder.interactions[case]
                status = said.response.status_code if said.response else "none"
                sent = f"{said.request.method} {said.request.uri} {said.request.body!r:.200}"
                yield f"{event.recorder.label}: {check.name}: {check.failure_info.failure} [{status}] {sent}"


def _config(token: str | None, most: int, phases: dict[str, Any]) -> SchemathesisConfig:
    made: dict[str, Any] = {
        "base-url": BASE, "seed": 1, "phases": phases, "suppress-health-check": ["all"], "continue-on-failure": True,
        "generation": {"max-examples": most, "deterministic": True, "database": "none"}, "cache": {"enabled": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": FITS}},
    }  # fmt: skip
    return SchemathesisConfig.from_dict(made | ({"headers": {"Authorization": f"Bearer {token}"}} if token else {}))


OFF = {"enabled": False}
QUICK = {"coverage": OFF, "stateful": OFF}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """A server of this machine alone, without tokens."""
    return Contract(tmp_path_factory.mktemp("alone"), "127.0.0.1")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Contract, str]]:
    """A server that others can reach and may guess at, and an admin's token."""
    made = Contract(tmp_path_factory.mktemp("shared"), "0.0.0.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "GUESSES", 1_000_000)
        yield made, made.store.create_token("root", ["admin"])


def test_on_a_laptop(alone: Contract) -> None:
    """Every example of the document, and a few requests made up, right and wrong ones."""
    sent, wrong = alone.failures(None, 1, **QUICK)
    assert not wrong, "\n".join(sorted(wrong))
    assert sent > 40


def test_with_a_token(shared: tuple[Contract, str]) -> None:
    """The same; among the checks: without it, or with a wrong one, nothing is answered."""
    server, token = shared
    sent, wrong = server.failures(token, 1, **QUICK)
    assert not wrong, "\n".join(sorted(wrong))
    assert sent > 40


def test_without_a_token(shared: tuple[Contract, str]) -> None:
    """All is refused as the document says."""
    sent, wrong = shared[0].failures(None, 1, **QUICK)
    assert not wrong, "\n".join(sorted(wrong))
    assert sent > 40


@pytest.mark.slow
def test_at_length(alone: Contract, shared: tuple[Contract, str]) -> None:
    """Thousands of requests, with every boundary of every field, and sequences of them."""
    for server, token in ((alone, None), shared, (shared[0], None)):
        sent, wrong = server.failures(token, 30)
        assert not wrong, "\n".join(sorted(wrong))
        assert sent > 2000
