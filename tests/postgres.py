"""A PostgreSQL server of Debian's package for the tests: its own cluster in a temporary folder, never as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

MISSING = "no PostgreSQL here: apt-get install postgresql (its server is looked for in /usr/lib/postgresql/*/bin)"
READY_S = 30
UTF8 = ("--encoding", "UTF8", "--locale", "C")


def programs() -> Path | None:
    """The folder of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database on a server that runs as long as the block. Skips where there is none."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip(MISSING)
    if os.geteuid() == 0 and _user() is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as")
    folder = Path(tempfile.mkdtemp(prefix="nas-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, *_user() or ())
    try:
        data, port = folder / "data", free_port()
        _run([bin_folder / "initdb", "--pgdata", data, "--auth", "trust", "--username", "nas", "--no-sync", *UTF8])
        server = _start(bin_folder / "postgres", data, folder, port)
        try:
            _wait(bin_folder / "pg_isready", server, port)
            yield f"postgresql+psycopg://nas@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # the fast way: without waiting for clients
            server.wait(timeout=READY_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> tuple[int, int] | None:
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
        except KeyError:
            continue
    return None


def _identity() -> dict[str, object]:
    """Who runs the server: never root."""
    user = _user() if os.geteuid() == 0 else None
    return {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}


def _run(command: Sequence[object]) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd="/", env=_environment(), **_identity())  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr


def _start(program: Path, data: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "max_connections": "200"}
    words = [str(program), "-D", str(data), "-p", str(port)]
    words += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, cwd="/", env=_environment(), **_identity())  # type: ignore[call-overload]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}


def _wait(pg_isready: Path, server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_S
    while subprocess.run([pg_isready, "-h", "127.0.0.1", "-p", str(port), "-q"], env=_environment()).returncode:
        assert server.poll() is None, "the server ended as it started"
        assert time.monotonic() < deadline
        time.sleep(0.05)
