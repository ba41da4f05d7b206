"""What can be asked for: the same as the CLI says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas.cli.main import main
from tests.nas.service.serving import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One."""
    return served(tmp_path_factory.mktemp("catalogue"))


@pytest.mark.parametrize(("path", "line"), [
    ("spaces", "spaces"), ("spaces/elasticvit-small", "spaces elasticvit-small"), ("devices", "devices"),
    ("devices/pixel6", "devices pixel6"),
])  # fmt: skip
def test_as_the_cli(server: Served, path: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same document, with a tag by which it is not sent again."""
    answer = server.http.get(f"/v1/{path}")
    assert main([*line.split(), "--json"]) == 0
    assert answer.json() == json.loads(capsys.readouterr().out)
    tag = {"If-None-Match": answer.headers["etag"]}
    assert server.http.get(f"/v1/{path}", headers=tag).status_code == 304


def test_prices_as_the_cli(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, and by what model.json holds."""
    from search_spaces import get_space

    name, architecture = next(iter(get_space("elasticvit").published.items()))
    assert main(["price", f"elasticvit:{name}", "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    by_name = server.http.post("/v1/price", json={"arch": f"elasticvit:{name}"}).json()
    document = {k: v for k, v in json.loads(architecture.to_json()).items() if k != "id"}
    by_itself = server.http.post("/v1/price", json={"architecture": document}).json()
    assert by_name == by_itself == {k: v for k, v in said.items() if k != "name"}


@pytest.mark.parametrize("path", ["spaces/elasticvitt", "devices/pixel66"])
def test_unknown_names(server: Served, path: str) -> None:
    """404, with what was meant."""
    answer = server.http.get(f"/v1/{path}")
    assert (answer.status_code, "did you mean" in answer.json()["detail"]) == (404, True)


def test_a_space_of_models_is_not_built(server: Served) -> None:
    """It says so; a server does not trace networks to answer a question."""
    found = server.http.get("/v1/spaces/stitching").json()
    assert (found["size"], found["published"]) == (None, None)
    assert server.http.post("/v1/price", json={"arch": "stitching:x"}).status_code == 422


def test_a_device_file_that_is_broken(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is left out of the list, and says what is wrong where it is asked for."""
    monkeypatch.setenv("NAS_PROFILES", str(tmp_path))
    (tmp_path / "broken.json").write_text("{")
    assert "broken" not in {d["name"] for d in server.http.get("/v1/devices").json()}
    answer = server.http.get("/v1/devices/broken")
    assert (answer.status_code, str(tmp_path) in answer.text) == (422, False)
