"""How a server is set up, as one frozen value; the defaults are those of a laptop."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError

MB = 1_000_000


@dataclass(frozen=True)
class Settings:
    """See ``nas serve --help``. ``data`` holds the runs and, without ``storage`` (a database URL), the database.

    ``hosts`` are further names that clients may address the server by; ``data_roots`` the folders, by name, in which
    requests may name files. ``rate_per_s`` and ``burst`` hold for each token, or each address without one. A stream of
    events ends after ``stream_s``, and its client, who comes back by itself, shows its token again.
    """

    data: Path = Path("results/service")
    storage: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    data_roots: Mapping[str, Path] = field(default_factory=dict)
    body_bytes: int = MB
    rate_per_s: float = 200.0
    burst: int = 400
    streams: int = 500
    stream_s: float = 900.0
    poll_s: float = 0.3
    export_s: float = 300.0

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.storage or f"sqlite:///{self.data.absolute() / 'jobs.sqlite'}"

    @property
    def runs(self) -> Path:
        """The folder of the runs; each is called after its job."""
        return self.data / "runs"

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can reach the server, addressed as this machine."""
        return is_loopback(self.host) and all(map(is_loopback, self.hosts))

    def ready_folders(self) -> None:
        """Make the folder of the runs. Raises NasError where it cannot be made."""
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NasError(f"--data {self.data} cannot be made: {error.strerror}") from None


def is_loopback(host: str) -> bool:
    """Whether a host's name or address (with brackets or without) is this machine's own."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
