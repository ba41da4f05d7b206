"""docker/: what would run there is what this version has, checked without an engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
INSTRUCTIONS = {"FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"}
KEYS = {
    "image", "build", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "environment", "command",
    "entrypoint", "ports", "volumes", "networks", "depends_on", "stop_grace_period", "healthcheck", "shm_size", "user",
    "profiles",
}  # fmt: skip
"""Of a service: those of the Compose specification that are used here."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, with its anchors merged."""
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text()))


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest) of each line of the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", (DOCKER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_there_are_all_four(compose: dict[str, Any]) -> None:
    assert {"service", "runner", "postgres", "ray"} <= set(compose["services"])
    assert set(compose) <= {"name", "services", "volumes", "networks", "x-nas"}
    for service in compose["services"].values():
        assert set(service) <= KEYS


def test_what_a_service_refers_to_is_defined(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")
            assert source in compose["volumes"], "a named volume: no folder of the host"
            assert target.startswith("/")
        assert set(service.get("networks", ())) <= set(compose["networks"])
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in compose["services"][other]


def test_nobody_is_root_and_nothing_is_writable_but_volumes(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["image"] == "nas" or service["user"] == "postgres"  # the image's own user is not root
        assert "privileged" not in service
        assert "/tmp" in service["tmpfs"]


def test_only_this_machine_reaches_it(compose: dict[str, Any]) -> None:
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"service": ["127.0.0.1:8000:8000"]}
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "ray"):
        assert compose["services"][name]["networks"] == ["inside"]


def test_long_running_ones_have_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "profiles" in service:
            continue
        check = service["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert {"interval", "timeout", "retries"} <= set(check)
        if check["test"][1:3] == ["python", "-c"]:
            compile(check["test"][3], name, "exec")


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert value.startswith("${POSTGRES_PASSWORD:?"), "compose stops where none is set"
        for word in service.get("command", ()):
            assert not re.search(r"://[^/@]*:[^/@]*@", word), "a password on a command line"


def words_of(service: dict[str, Any]) -> list[str]:
    """What runs: entrypoint (by default the image's) and command."""
    return [*service.get("entrypoint", ["nas"]), *service["command"]]


def test_commands_are_those_of_nas(compose: dict[str, Any]) -> None:
    """Every command and option exists."""
    import typer

    from nas.cli.main import app

    checked = []
    for service in compose["services"].values():
        if service["image"] != "nas" or words_of(service)[0] != "nas":
            continue
        command: Any = typer.main.get_command(app)
        words = words_of(service)[1:]
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in words} <= known
        checked.append(command.name)
    assert sorted(checked) == ["list", "runner", "serve"]


def test_the_storage_is_the_database_of_the_file(compose: dict[str, Any]) -> None:
    import sqlalchemy as sa

    urls = [w.split("=", 1)[1] for s in compose["services"].values() for w in s.get("command", ()) if "--storage" in w]
    urls.append(compose["services"]["token"]["environment"]["NAS_STORAGE"])
    database = compose["services"]["postgres"]["environment"]
    assert len(urls) == 3
    for url in map(sa.make_url, urls):
        assert (url.drivername, url.host) == ("postgresql+psycopg", "postgres")
        assert (url.username, url.database) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
        assert url.password is None


def test_ray_sees_the_run_folders_where_the_runners_do(compose: dict[str, Any]) -> None:
    runner, ray = compose["services"]["runner"], compose["services"]["ray"]
    assert runner["volumes"] == ray["volumes"] == compose["services"]["service"]["volumes"]
    assert runner["image"] == ray["image"], "Ray's client must have the head's very versions"
    address = next(w for w in runner["command"] if w.startswith("--ray-address="))
    port = next(w for w in ray["command"] if w.startswith("--ray-client-server-port="))
    assert address == f"--ray-address=ray://ray:{port.split('=')[1]}"
    assert Path(sys.executable).with_name("ray").exists(), "the image's entrypoint is installed with nas"


def test_the_image_is_built_from_what_is_there(dockerfile: list[tuple[str, str]], compose: dict[str, Any]) -> None:
    assert {instruction for instruction, _ in dockerfile} <= INSTRUCTIONS
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    for instruction, rest in dockerfile:
        if instruction == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored, "else the build does not see it"
        if instruction == "FROM":
            assert re.match(r"python:3\.\d+-slim", rest)
    build = compose["services"]["service"]["build"]
    assert (DOCKER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(DOCKER / "Dockerfile")


def test_the_image_does_not_run_as_root(dockerfile: list[tuple[str, str]]) -> None:
    last = len(dockerfile) - 1 - [i for i, _ in reversed(dockerfile)].index("FROM")
    stage = dockerfile[last:]
    assert [rest for instruction, rest in stage if instruction == "USER"] == ["10001"]
    assert ("ENTRYPOINT", '["nas"]') in stage


def test_extras_that_the_image_installs_exist(dockerfile: list[tuple[str, str]]) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    line = next(rest for instruction, rest in dockerfile if instruction == "RUN" and "pip install" in rest)
    extras = re.search(r"\.\[([\w,]+)\]", line)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])


def test_docker_itself_reads_it() -> None:
    """Where the Compose plugin is installed; it needs no engine for this."""
    if not _works("docker", "compose", "version"):
        pytest.skip("no 'docker compose' here (Docker's compose plugin; version 1 does not know this format)")
    done = subprocess.run(
        ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "config", "--quiet"],
        capture_output=True, text=True, env={**os.environ, "POSTGRES_PASSWORD": "x"}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False
