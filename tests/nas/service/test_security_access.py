"""Who may do what: tokens, scopes, the page's cookie; and a server off loopback without any."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from nas.cli.main import main
from nas.service.app.sessions import local
from nas.service.security import identity
from nas.service.security.identity import COOKIE, GUESSES
from nas.service.settings import Settings, is_loopback
from nas.service.store import JobStore
from tests.nas.service.serving import SEARCH, Served, served

PAGE = {"Accept": "text/html"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """One that remembers no token."""
    monkeypatch.setattr(identity, "REMEMBERED_S", 0.0)
    return served(tmp_path)


def submitted(server: Served, headers: dict[str, str]) -> str:
    """The path of a new job."""
    answer = server.http.post("/v1/searches", json=SEARCH, headers=headers)
    assert answer.status_code == 202
    return answer.headers["location"]


def test_open_until_there_is_a_token(server: Served) -> None:
    """Whoever sits at the machine is ``local``; the first token ends that."""
    assert server.http.get("/v1/jobs").status_code == 200
    assert server.store.job(submitted(server, {}).rpartition("/")[2]).user == "local"
    ada = server.token("ada")
    refused = server.http.get("/v1/jobs")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert server.http.get("/v1/jobs", headers=ada).status_code == 200
    assert server.store.job(submitted(server, ada).rpartition("/")[2]).user == "ada"


@pytest.mark.parametrize(
    "given", ["Bearer nas_wrong", "Bearer ", "Bearer", "Basic YWRhOmFkYQ==", "nas_x", "Bearer \xff"]
)
def test_a_wrong_token(server: Served, given: str) -> None:
    """Is 401 even where none is needed, so that nobody believes to be somebody."""
    assert server.http.get("/v1/jobs", headers={"Authorization": given.encode("latin-1")}).status_code == 401


def test_revoked_and_expired(server: Served) -> None:
    """Are as if they had never been."""
    server.token("root", "admin")
    ada, bob = server.token("ada"), server.token("bob", expires=datetime.now(UTC) - timedelta(seconds=1))
    assert server.http.get("/v1/jobs", headers=ada).status_code == 200
    server.store.revoke("ada")
    assert [server.http.get("/v1/jobs", headers=h).status_code for h in (ada, bob)] == [401, 401]


def test_a_revoked_token_is_remembered_for_two_seconds_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing that is remembered, and for how long."""
    now = [100.0]
    monkeypatch.setattr(identity.time, "monotonic", lambda: now[0])
    server = served(tmp_path)
    server.token("root", "admin")
    ada = server.token("ada")
    assert server.http.get("/v1/jobs", headers=ada).status_code == 200
    server.store.revoke("ada")
    now[0] += 2.01
    assert server.http.get("/v1/jobs", headers=ada).status_code == 401


def test_scopes(server: Served) -> None:
    """read reads, submit submits and minds its own, admin minds everybody's."""
    eye, ada, eve, root = (server.token(n, s) for n, s in
                           (("eye", "read"), ("ada", "submit"), ("eve", "submit"), ("root", "admin")))  # fmt: skip
    job = submitted(server, ada)
    assert server.http.get(job, headers=eye).status_code == 200
    refused = server.http.post("/v1/searches", json=SEARCH, headers=eye)
    assert (refused.status_code, "'submit'" in refused.json()["detail"]) == (403, True)
    for who, status in ((eye, 403), (eve, 403), (root, 200)):
        assert server.http.post(f"{job}/cancel", headers=who).status_code == status
    for who, status in ((eye, 403), (eve, 403), (ada, 204)):
        assert server.http.delete(job, headers=who).status_code == status


def test_going_first_is_for_admins(server: Served) -> None:
    """Anybody may step back."""
    ada, root = server.token("ada"), server.token("root", "admin")
    asked = [(ada, 1, 403), (ada, -5, 202), (root, 7, 202)]
    for seed, (who, priority, status) in enumerate(asked):
        answer = server.http.post(f"/v1/searches?priority={priority}", json={**SEARCH, "seed": seed}, headers=who)
        assert answer.status_code == status
    assert [job.priority for job in server.store.jobs().jobs] == [7, -5]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs",
        "/v1/runs",
        "/v1/spaces",
        "/v1/devices",
        "/v1/proxies",
        "/v1/events",
        "/metrics",
        "/v1/jobs/" + "0" * 32,
        "/v1/runs/" + "0" * 32 + "/report",
    ],
)
def test_everything_needs_a_token(server: Served, path: str) -> None:
    """But for the server's health."""
    server.token("ada")
    assert server.http.get(path).status_code == 401
    assert [server.http.get(p).status_code for p in ("/healthz", "/readyz")] == [200, 200]


def test_no_route_is_forgotten(server: Served) -> None:
    """Every operation of the document that is not open refuses a stranger, whatever else it may be given."""
    server.token("ada")
    document = server.app.openapi()
    for path, operations in document["paths"].items():
        for method in operations:
            if path not in ("/healthz", "/readyz"):
                concrete = path.replace("{id}", "0" * 32).replace("{index}", "0").replace("{name}", "pixel6")
                assert server.http.request(method, concrete, json={}).status_code in (401, 422), path
                assert server.http.request(method, concrete, headers={"Authorization": "Bearer x"}).status_code in (
                    401,
                    429,
                )


def test_the_page_wants_a_login(server: Served) -> None:
    """A browser is sent to it and comes back; the cookie is no script's and no other site's."""
    server.token("root", "admin")
    secret = server.store.create_token("ada", ["submit"])
    sent = server.http.get("/compare?runs=a,b", headers=PAGE)
    assert sent.status_code == 303
    place = urlsplit(sent.headers["location"])
    assert (place.path, parse_qs(place.query)["next"]) == ("/login", ["/compare?runs=a,b"])
    assert server.http.get("/login", headers=PAGE).status_code == 200
    entered = server.http.post("/login", data={"token": secret, "next": "/compare"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/compare")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={secret};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    server.http.cookies.set(COOKIE, secret)
    assert server.http.get("/v1/jobs").status_code == 200
    assert server.http.get("/", headers=PAGE).status_code == 200
    assert f'{COOKIE}=""' in server.http.post("/logout").headers["set-cookie"]


def test_a_wrong_login(server: Served) -> None:
    """Back to the form for a browser, 401 for a program, and in the audit without the token."""
    back = server.http.post("/login", data={"token": "nas_wrong", "next": "/compare"}, headers=PAGE)
    assert (back.status_code, back.headers["location"]) == (303, "/login?failed=1&next=%2Fcompare")
    assert server.http.post("/login", data={"token": "nas_wrong"}).status_code == 401
    assert "set-cookie" not in back.headers
    said = server.store.audits()
    assert [(a["user"], a["action"], a["outcome"]) for a in said] == [("anonymous", "login", "refused")] * 2
    assert "nas_wrong" not in json.dumps(said)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.org",
        "/\\evil.org",
        "https://evil.org/",
        "javascript:alert(1)",
        "evil",
        "",
        "/x\r\nSet-Cookie: a=b",
        "\t//evil.org",
        "/\t/evil.org",
    ],
)
def test_the_login_leads_nowhere_else(path: str) -> None:
    """No open redirect."""
    assert local(path) == "/"


def test_a_cookie_of_old_locks_nobody_out(server: Served) -> None:
    """Ports share cookies: on an open server one of another server is as none."""
    server.http.cookies.set(COOKIE, "nas_of_another_server")
    assert server.http.get("/v1/jobs").status_code == 200
    server.token("ada")
    assert server.http.get("/v1/jobs").status_code == 401
    assert f'{COOKIE}=""' in server.http.get("/", headers=PAGE).headers["set-cookie"]


def test_guessing_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few wrong tokens from one address, then hardly any; right ones still work."""
    monkeypatch.setattr(identity, "GUESSES_PER_S", 1e-6)
    server = served(tmp_path)
    ada = server.token("ada")
    wrong = [server.http.get("/v1/jobs", headers={"Authorization": f"Bearer nas_{i}"}) for i in range(GUESSES + 1)]
    assert [answer.status_code for answer in wrong] == [401] * GUESSES + [429]
    assert int(wrong[-1].headers["retry-after"]) >= 1
    assert server.http.get("/v1/jobs", headers=ada).status_code == 200


def test_off_loopback_it_refuses_to_start_without_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On every other address, and where it is to be known by another name."""
    for more in (["--host", "0.0.0.0"], ["--host", "::"], ["--allow-host", "nas.example.org"]):
        assert main(["serve", "--data", str(tmp_path), "--port", "0", "--no-runner", *more]) == 2
        assert "nas token create" in capsys.readouterr().err


def test_off_loopback_nobody_is_local(tmp_path: Path) -> None:
    """Not even while the last token is being revoked."""
    server = served(tmp_path, host="0.0.0.0")
    assert server.http.get("/v1/jobs").status_code == 401
    behind_a_proxy = served(tmp_path, hosts=("nas.example.org",))
    assert behind_a_proxy.http.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("127.8.9.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("nas.example.org", False),
        ("localhost.evil.org", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, own: bool) -> None:
    """An address that is not this machine's own alone must not pass."""
    assert is_loopback(host) is own
    assert Settings(host=host).loopback is own


def test_token_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made, listed without its secret, revoked; kept as a hash."""
    where = ["--data", str(tmp_path)]
    assert main(["token", "create", "ada", "--expires", "90d", "--running", "2", "--json", *where]) == 0
    made = json.loads(capsys.readouterr().out)
    store = JobStore.open(Settings(data=tmp_path).url)
    found = store.token(made["token"])
    assert found is not None
    assert (found.name, found.scopes, found.limits.running) == ("ada", {"submit"}, 2)
    assert made["token"].encode() not in (tmp_path / "jobs.sqlite").read_bytes()
    assert main(["token", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert "ada" in listed
    assert "nas_" not in listed
    assert main(["token", "revoke", "ada", *where]) == 0
    assert store.token(made["token"]) is None
    assert main(["token", "revoke", "ada", *where]) == 2
    assert [a["action"] for a in store.audits()] == ["token revoke", "token create"]


@pytest.mark.parametrize("wrong", [["--scope", "sumbit"], ["--expires", "soon"], ["--expires", "0d"]])
def test_token_commands_refuse(tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With one line."""
    assert main(["token", "create", "ada", "--data", str(tmp_path), *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
