"""A real service with its runner, used from Python and from the command line as from another machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import nas
from nas.client import AccessDenied, Conflict, NotFound, RequestRefused, ServerUnreachable
from tests.postgres import free_port

NAS = Path(sys.executable).with_name("nas")
SEARCH = {"space": "elasticvit-small", "budget": "19.8..20MFLOPs", "candidates": 1_500, "proxies": [], "seed": 5}
LINE = "search --space elasticvit-small --budget 19.8..20MFLOPs --candidates 1500 --proxy none --seed 5"
START_S = 120.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(address, token) of ``nas serve`` with its own runner, on a fresh folder."""
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    made = subprocess.run(
        [NAS, "token", "create", "ada", "--scope", "submit", "--data", folder], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([NAS, "serve", "--port", str(port), "--data", folder], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, server, folder / "log")
        yield url, made.stdout.strip()
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    with nas.Client(url) as client:
        while True:
            try:
                return client.ready()
            except ServerUnreachable:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> nas.Run:
    """The same search, run here."""
    settings = {k: v for k, v in SEARCH.items() if k not in ("space", "budget")}
    folder = tmp_path_factory.mktemp("alone")
    return nas.search(SEARCH["space"], SEARCH["budget"], **settings, workers=0, out=folder, name="x")


def test_from_python(served: tuple[str, str], alone: nas.Run, tmp_path: Path) -> None:
    """Submit, watch, and have everything that a run here would give."""
    url, token = served
    with nas.Client(url, token) as client:
        job = client.search(**SEARCH, key="once")
        assert client.search(**SEARCH, key="once").id == job.id
        with pytest.raises(Conflict):
            client.search(**SEARCH | {"seed": 6}, key="once")
        names = [event.name for event in job.events()]
        assert {"job", "front"} <= set(names)
        assert job.wait(60).front["id"].tolist() == alone.front["id"].tolist()
        assert job.front["macs"].tolist() == alone.front["macs"].tolist()
        assert job.recommended == alone.recommended
        assert [each.id for each in client.runs()] == [job.id]
        assert job.architecture()["id"] == alone.front["id"].iloc[alone.recommended]
        parameters = sum(p.numel() for p in job.build().parameters())
        assert parameters == alone.front["params"].iloc[alone.recommended]
        assert "<html" in job.report(tmp_path / "report.html").read_text()[:500].lower()
        assert job.log()[0]["n"] == 1
        with pytest.raises(NotFound):
            job.architecture(999)
        job.delete()
        with pytest.raises(NotFound):
            job.refresh()


def test_what_the_service_knows(served: tuple[str, str]) -> None:
    url, token = served
    with nas.Client(url, token) as client:
        assert "elasticvit" in [space["name"] for space in client.spaces()]
        assert client.space("elasticvit")["name"] == "elasticvit"
        assert client.device("pixel6")["name"] == "pixel6" in [device["name"] for device in client.devices()]
        assert client.proxies()
        price = client.price("elasticvit:S1")
        assert price["macs"] > 0
        with pytest.raises(NotFound, match="did you mean 'elasticvit'"):
            client.space("elasticvitt")


def test_refusals_say_what_the_command_line_says(served: tuple[str, str]) -> None:
    url, token = served
    with nas.Client(url, token) as client, pytest.raises(RequestRefused, match="nearest feasible value"):
        client.search("elasticvit", "1MFLOPs")
    with nas.Client(url) as stranger, pytest.raises(AccessDenied, match="NAS_TOKEN"):
        stranger.search("elasticvit", "600MFLOPs")


def test_from_the_command_line(served: tuple[str, str], alone: nas.Run, tmp_path: Path) -> None:
    """The same line, run there; what it leaves here can be built."""
    url, token = served
    environment = {**os.environ, "NAS_TOKEN": token}
    done = subprocess.run(
        [NAS, "--server", url, *LINE.split(), "--name", "there"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=200,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "results/there"
    folder = tmp_path / "results" / "there"
    rows = (folder / "front.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == alone.front["id"].tolist()
    assert token not in done.stdout + done.stderr + (folder / "job.json").read_text()
    architecture = sorted((folder / "architectures").iterdir())[0]
    assert json.loads(architecture.read_text())["config"] == alone.architecture(0).config
    listed = subprocess.run(
        [NAS, "--server", url, "runs", "--json"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "there" in [each["request"]["name"] for each in json.loads(listed.stdout)]
