"""Runs over HTTP: fronts, architectures and their files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from search_spaces import Architecture
from tests.nas.service import seeded
from tests.nas.service.serving import SEARCH, Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One with a finished, a running and a waiting search."""
    made = served(tmp_path_factory.mktemp("runs"))
    seeded.finished(made.store)
    seeded.running(made.store)
    assert made.http.post("/v1/searches", json=SEARCH).status_code == 202
    return made


@pytest.fixture(scope="module")
def done(server: Served) -> str:
    """The finished one's path."""
    return f"/v1/runs/{server.store.jobs(state='done').jobs[0].id}"


def test_runs_are_jobs_with_a_front(server: Served) -> None:
    """If only so far."""
    states = [job["state"] for job in server.http.get("/v1/runs").json()["jobs"]]
    assert states == ["running", "done"]


def test_the_front_is_what_the_store_has(server: Served, done: str) -> None:
    """The very text, with a tag by which it is not sent again."""
    answer = server.http.get(f"{done}/front")
    assert answer.text == server.store.front(done.rpartition("/")[2])[1]
    assert answer.json() == seeded.front()[0]
    assert server.http.get(f"{done}/front", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    weak = {"If-None-Match": f'"x", W/{answer.headers["etag"]}'}
    assert server.http.get(f"{done}/front", headers=weak).status_code == 304


def test_a_front_that_grows_has_another_tag(server: Served) -> None:
    """So that a page that polls sees it."""
    job, claim = seeded.running(served_store(server), rows=2)
    path = f"/v1/runs/{job.id}/front"
    tag = server.http.get(path).headers["etag"]
    whole, _ = seeded.front()
    server.store.heartbeat(claim, 60.0, front={**whole, "rows": whole["rows"][:4], "final": False})
    answer = server.http.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, len(answer.json()["rows"])) == (200, 4)
    server.store.finish(claim, seeded.Result({}, None, []))


def served_store(server: Served) -> seeded.JobStore:
    """The store once nothing waits in it: seeding claims what it submits."""
    for job in server.store.jobs(state="queued").jobs:
        server.store.cancel(job.id)
    return server.store


def test_csv(server: Served, done: str) -> None:
    """The same numbers."""
    answer = server.http.get(f"{done}/front?format=csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    whole, _ = seeded.front()
    assert answer.headers["content-type"].startswith("text/csv")
    assert rows[0] == whole["columns"]
    assert [[float(x) for x in row[1:]] for row in rows[1:]] == [row[1:] for row in whole["rows"]]


def test_an_architecture(server: Served, done: str) -> None:
    """What the store has, and where its files are."""
    answer = server.http.get(f"{done}/architectures/0")
    found = answer.json()
    kept = json.loads(server.store.architecture(done.rpartition("/")[2], 0))
    downloads = found.pop("downloads")
    assert found == kept
    assert downloads["model.onnx"] == f"{done}/architectures/0/model.onnx"
    tagged = server.http.get(f"{done}/architectures/0", headers={"If-None-Match": answer.headers["etag"]})
    assert tagged.status_code == 304
    assert server.http.get(f"{done}/architectures/9999").status_code == 404


def test_model_json_is_the_architecture(server: Served, done: str) -> None:
    """As ``nas build`` reads it, with the id that the front says."""
    answer = server.http.get(f"{done}/architectures/1/model.json")
    read = Architecture.from_json(answer.text)
    assert read.id == seeded.front()[0]["rows"][1][0]
    assert read == seeded.front()[1][1]
    assert f"elasticvit-{read.id}.json" in answer.headers["content-disposition"]


def test_the_report_is_sandboxed_and_names_no_folder(server: Served, done: str) -> None:
    """It keeps its own policy, and gets one more rule."""
    folder = server.settings.runs / done.rpartition("/")[2]
    folder.mkdir()
    own = "default-src 'none'; script-src 'sha256-abc'"
    text = f'<meta http-equiv="Content-Security-Policy" content="{own}"><p>nas.create_model("{folder}", index=0)'
    (folder / "report.html").write_text(text)
    answer = server.http.get(f"{done}/report")
    assert answer.headers["content-security-policy"].startswith(f"{own}; sandbox allow-scripts")
    assert str(server.settings.data) not in answer.text
    assert f'"…/{folder.name}"' in answer.text
    assert server.http.get(f"{done}/report", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_no_report(server: Served) -> None:
    """Of a job that has none, and of none."""
    job = server.store.jobs(state="running").jobs[0].id
    assert server.http.get(f"/v1/runs/{job}/report").status_code == 404
    assert server.http.get(f"/v1/runs/{'0' * 32}/report").json()["type"] == "urn:nas:problem:job-not-found"


def test_a_result_that_is_no_architecture(server: Served) -> None:
    """A profile: its JSON, and no files."""
    job, claim = seeded.running(served_store(server), rows=None)
    assert server.store.finish(claim, seeded.Result({}, None, [{"name": "mine", "format": 1}]))
    path = f"/v1/runs/{job.id}/architectures/0"
    assert server.http.get(path).json() == {"name": "mine", "format": 1, "downloads": {}}
    for name in ("model.json", "model.onnx", "weights.safetensors"):
        assert server.http.get(f"{path}/{name}").status_code == 404


@pytest.mark.slow
def test_onnx_and_weights_for_real(server: Served, done: str) -> None:
    """Files that load, made once."""
    import onnx
    from safetensors.numpy import load

    path = f"{done}/architectures/0"
    first = server.http.get(f"{path}/model.onnx")
    onnx.checker.check_model(onnx.load_model_from_string(first.content))
    weights = load(server.http.get(f"{path}/weights.safetensors").content)
    price = server.http.get(path).json()["price"]
    assert sum(w.size for n, w in weights.items() if "running_" not in n and "num_batches" not in n) == price["params"]
    kept = list((server.settings.runs / Path(done).name / "exports").glob("*.onnx"))
    assert [p.read_bytes() for p in kept] == [first.content]
