"""The client against a server that is scripted to fail in every way that a real one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.client import (
    AccessDenied,
    Conflict,
    JobFailed,
    NotFound,
    RequestRefused,
    ServerUnreachable,
    ServiceError,
    TooManyRequests,
    WaitTimeout,
)
from tests.nas.client.scripted import HANG_UP, job, scripted

QUOTA = {"type": "urn:nas:problem:quota-exceeded", "detail": "3 jobs are queued, at most 3"}
FRONT = {
    "columns": ["id", "macs"], "objectives": [], "rows": [["a", 10], ["b", 5]], "recommended": 1, "final": True,
}  # fmt: skip


def test_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    with scripted((HANG_UP, ""), (503, {}), (202, job("queued"))) as server, nas.Client(server.url) as client:
        submitted = client.search("elasticvit", "600MFLOPs", candidates=1000, seed=None)
    assert submitted.state == "queued"
    assert [(method, path) for method, path, _, _ in server.asked] == [("POST", "/v1/searches")] * 3
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in server.asked}) == 1
    assert server.asked[0][3] == {"space": "elasticvit", "budget": ["600MFLOPs"], "candidates": 1000}


def test_each_submission_has_its_own_key_unless_given() -> None:
    with scripted(*[(202, job())] * 3) as server, nas.Client(server.url) as client:
        client.scale("5GFLOPs")
        client.scale("5GFLOPs")
        client.scale("5GFLOPs", key="mine")
    keys = [headers["Idempotency-Key"] for _, _, headers, _ in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessDenied), (403, AccessDenied), (404, NotFound), (409, Conflict), (413, RequestRefused),
     (422, RequestRefused), (429, TooManyRequests), (500, ServiceError)],
)  # fmt: skip
def test_a_refusal_is_an_error_in_the_words_of_the_service(status: int, kind: type[ServiceError]) -> None:
    problem = {"title": "no", "status": status, "detail": "budget 1MFLOPs is below the smallest"}
    with (
        scripted((status, problem)) as server,
        nas.Client(server.url) as client,
        pytest.raises(kind, match="budget 1MFLOPs is below the smallest") as caught,
    ):
        client.search("elasticvit", "1MFLOPs")
    assert isinstance(caught.value, nas.NasError)
    assert caught.value.data == {"status": status, "problem": problem}
    assert len(server.asked) == 1


def test_a_rate_limit_is_waited_for_and_a_quota_is_not() -> None:
    with scripted((429, {}, {"Retry-After": "0"}), (200, job())) as server, nas.Client(server.url) as client:
        assert client.job("0" * 32).state == "running"
    with (
        scripted((429, QUOTA, {"Retry-After": "5"})) as server,
        nas.Client(server.url) as client,
        pytest.raises(TooManyRequests, match="at most 3"),
    ):
        client.search("elasticvit")


def test_patience_ends_with_what_was_answered_last() -> None:
    with (
        scripted(*[(503, {"detail": "the job store does not answer"})] * 9) as server,
        nas.Client(server.url, patience_s=0.3) as client,
        pytest.raises(ServiceError, match="store does not answer"),
    ):
        client.job("0" * 32)


def test_nobody_there() -> None:
    with nas.Client("http://127.0.0.1:9", patience_s=0.3) as client:
        with pytest.raises(ServerUnreachable, match=r"no service answers at http://127.0.0.1:9 .*'nas serve'"):
            client.job("0" * 32)
        with pytest.raises(ServerUnreachable):
            client.ready()
        with pytest.raises(ServerUnreachable):
            list(client._job(job()).events())


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host", "http://", "http://[::1", "http://a:b:c", "/tmp/x", ""]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(nas.NasError, match="write for example http"):
        nas.Client(url)


def test_a_password_in_the_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(nas.NasError, match="no password") as caught:
        nas.Client("http://me:geheim@host")
    assert "geheim" not in str(caught.value)


def test_the_token_is_sent_and_never_shown() -> None:
    with scripted((200, job())) as server, nas.Client(server.url, "nas_secret") as client:
        found = client.job("0" * 32)
        assert "nas_secret" not in f"{client!r}{found!r}"
    assert server.asked[0][2]["Authorization"] == "Bearer nas_secret"


def test_a_token_is_not_carried_to_where_a_redirect_points() -> None:
    with (
        scripted((200, job())) as elsewhere,
        scripted((307, {}, {"Location": f"{elsewhere.url}/v1/jobs/x"})) as server,
        nas.Client(server.url, "nas_secret") as client,
        pytest.raises(ServiceError),
    ):
        client.job("x")
    assert not elsewhere.asked


@pytest.mark.parametrize("answer", ["<html>another server</html>", "[]", "{}", '{"id": 1}'])
def test_a_server_that_is_no_service(answer: str) -> None:
    with scripted((200, answer)) as server, nas.Client(server.url) as client, pytest.raises(ServiceError):
        client.job("0" * 32)


def test_wait_ends_with_the_job() -> None:
    with scripted((200, job()), (HANG_UP, ""), (200, job("done"))) as server, nas.Client(server.url) as client:
        assert client._job(job("queued")).wait(30).state == "done"
    assert not server.answers


@pytest.mark.parametrize(
    ("ended", "said"),
    [(job("failed", problem={"title": "no", "detail": "out of memory", "retry": True}), "failed: out of memory"),
     (job("cancelled"), "was cancelled")],
)  # fmt: skip
def test_wait_raises_where_there_is_no_result(ended: dict[str, Any], said: str) -> None:
    with (
        scripted((200, ended)) as server,
        nas.Client(server.url) as client,
        pytest.raises(JobFailed, match=said) as caught,
    ):
        client._job(job()).wait()
    assert caught.value.data["state"] == ended["state"]


def test_wait_no_longer_than_asked() -> None:
    with (
        scripted(*[(200, job())] * 9) as server,
        nas.Client(server.url) as client,
        pytest.raises(WaitTimeout, match=r"goes on"),
    ):
        client._job(job()).wait(0.2)


def stream(*events: tuple[str, int, Any]) -> str:
    """Server-sent events; each is (name, id, document)."""
    return ": hello\n\n" + "".join(f"event: {n}\nid: {i}\ndata: {json.dumps(d)}\n\n" for n, i, d in events)


def test_events_go_on_after_a_broken_connection() -> None:
    first = stream(("job", 1, job()), ("front", 2, FRONT)) + "event: job\ndata: {cut off"
    second = stream(("job", 7, job("done", version=7)))
    with scripted((200, first), (HANG_UP, ""), (200, second)) as server, nas.Client(server.url) as client:
        watched = client._job(job("queued"))
        events = list(watched.events())
    assert [(e.name, e.id) for e in events] == [("job", "1"), ("front", "2"), ("job", "7")]
    assert events[1].data == FRONT
    assert watched.state == "done"
    assert [headers.get("Last-Event-ID") for _, _, headers, _ in server.asked] == [None, "2", "2"]


def test_events_of_a_job_that_has_ended_end() -> None:
    with scripted((204, ""), (200, job("done"))) as server, nas.Client(server.url) as client:
        watched = client._job(job())
        assert list(watched.events()) == []
        assert watched.state == "done"


def test_deleting_again_what_a_lost_answer_deleted() -> None:
    with scripted((HANG_UP, ""), (404, {"detail": "no such job"})) as server, nas.Client(server.url) as client:
        client._job(job()).delete()
    assert len(server.asked) == 2
    with (
        scripted((404, {"detail": "no such job"})) as server,
        nas.Client(server.url) as client,
        pytest.raises(NotFound),
    ):
        client._job(job()).delete()


def test_the_front_is_a_table() -> None:
    with scripted((200, FRONT), (200, FRONT)) as server, nas.Client(server.url) as client:
        done = client._job(job("done"))
        assert done.front.to_dict("list") == {"id": ["a", "b"], "macs": [10, 5]}
        assert done.recommended == 1


def test_build_makes_the_module_here_from_its_json() -> None:
    space = __import__("search_spaces").get_space("convnet", family="mobilenet_se", num_classes=7)
    architecture = next(iter(space.published.values()))
    text = json.loads(architecture.to_json()) | {"id": architecture.id, "price": {}}
    with scripted((200, FRONT), (200, text)) as server, nas.Client(server.url) as client:
        module = client._job(job("done")).build()
    assert server.asked[-1][1].endswith("/architectures/1/model.json")
    assert sum(p.numel() for p in module.parameters()) == space.price_architecture(architecture)["params"]


def test_a_download_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with scripted((200, "onnx"), (404, {"detail": "no such row"})) as server, nas.Client(server.url) as client:
        done = client._job(job("done"))
        assert done.download(0, "model.onnx", tmp_path / "deep" / "net.onnx").read_text() == "onnx"
        with pytest.raises(NotFound, match="no such row"):
            done.download(9, "model.onnx", tmp_path / "other.onnx")
        with pytest.raises(nas.NasError, match="did you mean 'model"):
            done.download(0, "model.onx", tmp_path / "other.onnx")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["net.onnx"]


def test_jobs_page_by_page() -> None:
    pages = [(200, {"jobs": [job(), job()], "next_cursor": "c"}), (200, {"jobs": [job("done")], "next_cursor": None})]
    with scripted(*pages) as server, nas.Client(server.url) as client:
        assert [j.state for j in client.jobs(kind="search")] == ["running", "running", "done"]
    assert [path for _, path, _, _ in server.asked] == ["/v1/jobs?kind=search", "/v1/jobs?kind=search&cursor=c"]


def test_an_unknown_kind() -> None:
    with nas.Client() as client, pytest.raises(nas.NasError, match="did you mean 'search'"):
        client.submit("serach")
