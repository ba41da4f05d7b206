"""Jobs over HTTP: submitted, listed, read, cancelled, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.errors import NasError
from nas.service.jobs import Limits
from tests.nas.service import seeded
from tests.nas.service.serving import SEARCH, Served, served


@pytest.fixture
def server(tmp_path: Path) -> Served:
    """One whose store is empty."""
    return served(tmp_path)


def test_a_post_returns_a_job_at_once(server: Served) -> None:
    """202, where it is, and what the store has."""
    answer = server.http.post("/v1/searches", json=SEARCH)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert job["request"]["budget"] == SEARCH["budget"]
    assert server.http.get(answer.headers["location"]).json() == job
    assert server.store.job(job["id"]).to_dict() == job


def test_every_kind_has_a_collection(server: Served) -> None:
    """Posting the first example of each kind's model makes a job that its collection lists, and no other."""
    posted = {
        "designs": {"family": "resnet", "budget": ["1.82GFLOPs"]}, "scalings": {"budget": ["5GFLOPs"]},
        "profiles": {"out": "mine", "peak_macs": 1e12, "bandwidth": 1e10},
        "trainings": {"space": "elasticvit-small", "data": "digits", "epochs": 1}, "searches": SEARCH,
    }  # fmt: skip
    for collection, request in posted.items():
        answer = server.http.post(f"/v1/{collection}", json=request)
        assert answer.status_code == 202, answer.text
        listed = server.http.get(f"/v1/{collection}").json()["jobs"]
        assert [job["id"] for job in listed] == [answer.json()["id"]]


def test_what_the_cli_refuses_is_refused_in_its_words(server: Served) -> None:
    """Before anything is queued."""
    answer = server.http.post("/v1/searches", json={**SEARCH, "budget": ["1MFLOPs"]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:nas:problem:budget-infeasible"
    assert "nearest feasible value" in problem["detail"]
    from nas.service.requests import parse

    with pytest.raises(NasError) as said:
        parse({"kind": "search", **SEARCH, "budget": ["1MFLOPs"]}).check()
    assert problem["detail"] == str(said.value)
    assert not server.store.jobs().jobs


def test_a_job_that_it_builds_on_and_is_not_there(server: Served) -> None:
    """Makes the request wrong, not its address."""
    answer = server.http.post("/v1/searches", json={"budget": SEARCH["budget"], "supernet": "0" * 32})
    assert (answer.status_code, "no job" in answer.json()["detail"]) == (422, True)


def test_a_wrong_field_is_named_and_its_value_is_not(server: Served) -> None:
    """A secret in the wrong place does not come back."""
    answer = server.http.post("/v1/searches", json={**SEARCH, "candidates": "hunter2", "toke": "hunter2"})
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {"candidates", "toke"}
    assert "hunter2" not in answer.text


def test_the_same_key_is_the_same_job(server: Served) -> None:
    """However often; with another request it is a conflict; another user's key is another key."""
    key = {"Idempotency-Key": "6c1f3a3e"}
    first, again = (server.http.post("/v1/searches", json=SEARCH, headers=key) for _ in range(2))
    other = server.http.post("/v1/searches", json={**SEARCH, "seed": 1}, headers=key)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 409
    assert first.json()["id"] in other.json()["detail"]
    theirs = server.http.post("/v1/searches", json=SEARCH, headers=key | server.token("ada"))
    assert theirs.json()["id"] != first.json()["id"]


def test_quotas(server: Served) -> None:
    """Too many candidates: 403, trying again is no use; too many waiting: 429."""
    ada = server.token("ada", limits=Limits(candidates=5000, queued=1))
    much = server.http.post("/v1/searches", json={**SEARCH, "candidates": 5001}, headers=ada)
    assert (much.status_code, "5,000" in much.json()["detail"]) == (403, True)
    assert server.http.post("/v1/searches", json=SEARCH, headers=ada).status_code == 202
    assert server.http.post("/v1/searches", json={**SEARCH, "seed": 1}, headers=ada).status_code == 429


def test_pages(server: Served) -> None:
    """Newest first, each job once, the next page by cursor and by Link."""
    ids = [server.http.post("/v1/searches", json={**SEARCH, "seed": seed}).json()["id"] for seed in range(5)]
    found, path = [], "/v1/jobs?limit=2&state=queued"
    while path:
        answer = server.http.get(path)
        found += [job["id"] for job in answer.json()["jobs"]]
        link = answer.headers.get("link", "")
        path = link.partition(">")[0].lstrip("<")
        assert ("cursor=" in path) == (answer.json()["next_cursor"] is not None)
    assert found == ids[::-1]
    assert server.http.get("/v1/jobs?state=done").json() == {"jobs": [], "next_cursor": None}


def test_a_job_has_an_entity_tag(server: Served) -> None:
    """304 until it changes."""
    job, _ = seeded.running(server.store)
    path = f"/v1/jobs/{job.id}"
    tag = server.http.get(path).headers["etag"]
    assert server.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    server.store.cancel(job.id)
    changed = server.http.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["cancelling"]


def test_log(server: Served) -> None:
    """Line by line, from where one was."""
    job, claim = seeded.running(server.store)
    server.store.heartbeat(claim, 60.0, log=["one", "read /srv/secret/data.csv"])
    whole = server.http.get(f"/v1/jobs/{job.id}/log").json()
    assert [line["line"] for line in whole["lines"]][-2:] == ["one", "read …/data.csv"]
    rest = server.http.get(f"/v1/jobs/{job.id}/log?after={whole['last'] - 1}").json()
    assert rest["lines"] == whole["lines"][-1:]
    assert server.http.get(f"/v1/jobs/{job.id}/log?after={whole['last']}").json()["lines"] == []


def test_cancel_then_delete(server: Served) -> None:
    """One that has not ended is not deleted; cancelling one that has changes nothing."""
    job = server.http.post("/v1/searches", json=SEARCH).json()
    path = f"/v1/jobs/{job['id']}"
    assert server.http.delete(path).status_code == 409
    assert server.http.post(f"{path}/cancel").json()["state"] == "cancelled"
    again = server.http.post(f"{path}/cancel")
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    assert server.http.delete(path).status_code == 204
    assert [server.http.get(path).status_code, server.http.delete(path).status_code] == [404, 404]


def test_every_write_is_in_the_audit(server: Served) -> None:
    """What was done and what was refused, by whom, to what."""
    ada, eve = server.token("ada"), server.token("eve")
    job = server.http.post("/v1/searches", json=SEARCH, headers=ada).json()["id"]
    server.http.post("/v1/searches", json={**SEARCH, "budget": ["1MFLOPs"]}, headers=ada)
    server.http.post(f"/v1/jobs/{job}/cancel", headers=eve)
    server.http.post(f"/v1/jobs/{job}/cancel", headers=ada)
    server.http.delete(f"/v1/jobs/{job}", headers=ada)
    lines = [(a["user"], a["action"], a["target"], a["outcome"]) for a in server.store.audits()][::-1]
    assert lines == [
        ("ada", "submit", job, "done"), ("ada", "submit", "search", "refused: budget-infeasible"),
        ("eve", "cancel", job, "refused: 403"), ("ada", "cancel", job, "done"), ("ada", "delete", job, "done"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/jobs/" + "0" * 32, "/v1/runs/" + "0" * 32 + "/front", "/nope", "/v1/nope"])
def test_what_is_not_there(server: Served, path: str) -> None:
    """404 as a problem."""
    answer = server.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["status"] == 404


def test_another_method(server: Served) -> None:
    """405 as a problem, with what there is."""
    answer = server.http.put("/v1/jobs")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.headers["allow"] == "GET"
    assert server.http.put(f"/v1/jobs/{'0' * 32}").headers["allow"] == "DELETE, GET"
