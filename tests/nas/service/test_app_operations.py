"""Health, metrics, and a server that is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nas.service.store import StoreError
from tests.nas.service import seeded
from tests.nas.service.serving import Served, served


@pytest.fixture
def server(tmp_path: Path) -> Served:
    """One."""
    return served(tmp_path)


def test_ready_while_the_store_answers(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may live and not be ready."""
    assert server.http.get("/readyz").json() == {"status": "ready"}

    def away() -> None:
        raise StoreError("away")

    monkeypatch.setattr(server.store, "ping", away)
    assert (server.http.get("/readyz").status_code, server.http.get("/healthz").status_code) == (503, 200)


def test_metrics(server: Served) -> None:
    """Jobs by state, age of the queue, latency by route, open streams."""
    seeded.running(server.store)
    seeded.finished(server.store)
    server.app.state.service.feed.subscribe()
    for _ in range(3):
        server.http.get(f"/v1/jobs/{server.store.jobs().jobs[0].id}")
    text = server.http.get("/metrics").text
    samples = {(s.name, *sorted(s.labels.items())): s.value
               for family in text_string_to_metric_families(text) for s in family.samples}  # fmt: skip
    assert samples["nas_jobs", ("state", "running")] == 1
    assert samples["nas_jobs", ("state", "done")] == 1
    assert samples["nas_jobs", ("state", "failed")] == 0
    assert samples["nas_queue_age_seconds",] == 0
    assert samples["nas_event_streams",] == 1
    labels = (("method", "GET"), ("route", "/v1/jobs/{id}"), ("status", "200"))
    assert samples["nas_http_request_seconds_count", *labels] == 3


def test_a_server_that_is_told_to_stop(tmp_path: Path) -> None:
    """Answers what is under way, ends its streams, and leaves nothing behind."""
    command = [sys.executable, "-m", "nas", "serve", "--no-runner", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().split()[3]
    try:
        with httpx.Client(base_url=address, timeout=60) as http:
            assert http.get("/readyz").status_code == 200
            with http.stream("GET", "/v1/events") as stream:
                chunks = stream.iter_text()
                assert "connected" in next(chunks)
                process.send_signal(signal.SIGTERM)
                assert "event" not in "".join(chunks)
    finally:
        if process.poll() is None:
            process.terminate()
    _, logs = process.communicate(timeout=30)
    assert process.returncode == 0
    messages = [json.loads(line)["message"] for line in logs.splitlines()]
    assert messages[-1] == "stopped"
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
