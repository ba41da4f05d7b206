"""What is not even looked at (foreign hosts and pages, too large bodies, too many requests); headers; logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.service.operations.logs import JsonFormatter, without_secrets
from nas.service.security.headers import DATA_POLICY, FIXED, PAGE_POLICY
from nas.service.security.rates import MOST_CLIENTS, RateLimit
from nas.service.store import StoreError
from tests.nas.service.serving import SEARCH, Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """An open one."""
    return served(tmp_path_factory.mktemp("requests"))


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_its_own_names(server: Served, host: str) -> None:
    """Whatever the port: it may be forwarded."""
    assert server.http.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.org",
        "evil.org:8000",
        "localhost.evil.org",
        "127.0.0.1.evil.org",
        "",
        "[",
        ":80",
        "evil.org@localhost:x",
        "192.168.0.7",
    ],
)
def test_other_names(server: Served, host: str) -> None:
    """DNS rebinding: a site's own name that points here is still not ours."""
    answer = server.http.get("/v1/jobs", headers={"Host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


def test_hosts_that_were_allowed(tmp_path: Path) -> None:
    """And off loopback without any: all, for a cookie or a token is no other name's."""
    named, anywhere = served(tmp_path, hosts=("nas.example.org",)), served(tmp_path, host="0.0.0.0")
    ada = named.token("ada")
    statuses = [
        one.http.get("/v1/jobs", headers=ada | {"Host": host}).status_code
        for one in (named, anywhere)
        for host in ("nas.example.org", "NAS.example.org:443", "evil.org")
    ]
    assert statuses == [200, 200, 403, 200, 200, 200]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:8000.evil.org"},
    ],
)
def test_another_sites_page(server: Served, headers: dict[str, str]) -> None:
    """Cannot make the user's browser submit anything, nor sign it in as somebody else."""
    before = len(server.store.jobs().jobs)
    assert server.http.post("/v1/searches", json=SEARCH, headers=headers).status_code == 403
    assert server.http.post("/login", data={"token": "x"}, headers=headers).status_code == 403
    assert len(server.store.jobs().jobs) == before


def test_its_own_page(server: Served) -> None:
    """May."""
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert server.http.post("/v1/searches", json=SEARCH, headers=own).status_code == 202
    followed = server.http.get("/v1/jobs", headers={"Sec-Fetch-Site": "cross-site"})
    assert followed.status_code == 200


def test_a_form_of_another_site_is_no_request(server: Served) -> None:
    """JSON sent as text/plain, which a browser sends anywhere unasked, is not read as JSON."""
    text = {"Content-Type": "text/plain"}
    assert server.http.post("/v1/searches", content=json.dumps(SEARCH), headers=text).status_code == 422


def test_no_answer_may_be_read_by_another_site(server: Served) -> None:
    """No CORS header, ever."""
    asked = {"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST"}
    for answer in (server.http.get("/v1/jobs", headers=asked), server.http.options("/v1/searches", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_too_large(tmp_path: Path) -> None:
    """By what it says, and by what it is."""
    server = served(tmp_path, body_bytes=1000)
    read = []

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            read.append(500)
            yield b" " * 500

    said = server.http.post("/v1/searches", content=b" " * 1001)
    streamed = server.http.post("/v1/searches", content=chunks(), headers={"Content-Type": "application/json"})
    lied = server.http.post("/v1/searches", content=b"{}", headers={"Content-Length": "-1"})
    assert [a.status_code for a in (said, streamed, lied)] == [413] * 3
    assert said.headers["content-type"] == streamed.headers["content-type"] == "application/problem+json"
    assert server.http.post("/login", content=b"x" * 1001).status_code == 413
    assert server.http.post("/v1/searches", json=SEARCH).status_code == 202


def test_a_bucket() -> None:
    """A burst at once, then a rate; refilled to the burst and no further; nobody pays for another."""
    now = [0.0]
    limit = RateLimit(2.0, 3, clock=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.wait_s("b") == 0
    now[0] = 0.5
    assert [limit.wait_s("a"), limit.wait_s("a")] == [0, 0.5]
    now[0] = 1000
    assert [limit.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_do_not_fill_the_memory() -> None:
    """Whoever was not heard of for longest is forgotten."""
    limit = RateLimit(1.0, 1, clock=lambda: 0.0)
    for client in range(MOST_CLIENTS + 100):
        limit.wait_s(str(client))
    assert len(limit._buckets) == MOST_CLIENTS


def test_too_many_requests(tmp_path: Path) -> None:
    """429 says when to come back; each user has a rate of their own; health is always told."""
    server = served(tmp_path, rate_per_s=0.1, burst=3)
    ada, eve = server.token("ada"), server.token("eve")
    answers = [server.http.get("/v1/jobs", headers=ada) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    assert server.http.get("/v1/jobs", headers=eve).status_code == 200
    assert {server.http.get("/healthz").status_code for _ in range(9)} == {200}


def test_headers_of_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good or bad, even where the server itself failed."""
    server = served(tmp_path)
    monkeypatch.setattr(server.store, "counts", lambda: 1 / 0)
    answers = {
        200: server.http.get("/v1/jobs"), 404: server.http.get("/nope"), 405: server.http.put("/v1/jobs"),
        403: server.http.get("/v1/jobs", headers={"Host": "evil.org"}), 500: server.http.get("/metrics"),
        401: server.http.get("/v1/jobs", headers={"Authorization": "Bearer x"}), 422: server.http.get("/v1/jobs/x"),
        413: server.http.post("/v1/price", content=b" " * 2_000_000),
    }  # fmt: skip
    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers[name] for name in FIXED} == FIXED
        assert answer.headers["content-security-policy"] == DATA_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16
        assert "server" not in answer.headers


def test_pages_may_run_their_own_scripts_only(server: Served) -> None:
    """And no answer but a page any at all."""
    answer = server.http.get("/", headers={"Accept": "text/html"})
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "script-src 'self';" in PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text


def test_a_failure_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """But where to look for it: the log has the rest."""
    server = served(tmp_path)

    def fail(*args: object, **named: object) -> None:
        raise RuntimeError("cannot open /srv/secret/place")

    monkeypatch.setattr(server.store, "jobs", fail)
    with caplog.at_level(logging.INFO, logger="nas.service"):
        answer = server.http.get("/v1/jobs")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert "secret" not in answer.text
    assert any(r.exc_info and "secret" in str(r.exc_info[1]) for r in caplog.records)


def test_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, when to come back, and not where the database is."""
    server = served(tmp_path)

    def away(*args: object, **named: object) -> None:
        raise StoreError("could not connect to db.internal:5432")

    monkeypatch.setattr(server.store, "jobs", away)
    answer = server.http.get("/v1/jobs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "db.internal" not in answer.text
    monkeypatch.setattr(server.store, "tokens", away)
    assert server.http.get("/v1/spaces").status_code in (200, 503)


SECRETS = ("nas_AbCdEfGh0123456789_-xyz", "Bearer abc.def", "postgresql://nas:hunter2@db/nas")


@pytest.mark.parametrize("secret", SECRETS)
def test_logs_hold_no_secret(secret: str) -> None:
    """Wherever it got in: message, facts, traceback."""
    try:
        raise ValueError(secret)
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("nas.service", logging.INFO, "x.py", 1, "said %s", (secret,), caught)
    record.facts = {"url": secret, "list": [secret]}
    line = JsonFormatter().format(record)
    told = json.loads(line)
    assert {"time", "level", "logger", "message", "url", "traceback"} <= set(told)
    assert "\n" not in line
    for hidden in ("AbCdEfGh0123456789", "abc.def", "hunter2"):
        assert hidden not in line
    assert without_secrets("postgresql://db/nas and https://host/path") == "postgresql://db/nas and https://host/path"


def test_requests_are_logged_without_query_and_headers(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    """One line each."""
    with caplog.at_level(logging.INFO, logger="nas.service"):
        server.http.get("/v1/jobs?state=queued", headers={"Cookie": "nas_token=nas_secretsecret"})
    lines = [JsonFormatter().format(r) for r in caplog.records if r.getMessage() == "request"]
    facts = json.loads(lines[0])
    assert (facts["method"], facts["path"], facts["status"], facts["user"]) == ("GET", "/v1/jobs", 200, "local")
    assert "secretsecret" not in "".join(lines)
