"""The client: submit any kind of job, find it again, ask what the service knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from nas.client.remote_job import RemoteJob
from nas.client.transport import Transport

if TYPE_CHECKING:
    from typing import Self

COLLECTIONS = {
    "search": "searches", "design": "designs", "scale": "scalings", "stitch": "stitches", "train": "trainings",
    "profile": "profiles",
}  # fmt: skip
PATIENCE_S = 60.0


class Client:
    """A service at ``url``. ``token``: where it asks for one. ``patience_s``: how long a lost server is waited for.

    Every request that a killed or restarting server did not answer is repeated, and every submission carries an
    idempotency key, so that repeating it makes no second job. Errors are :class:`nas.client.errors.ServiceError`.

    >>> with nas.Client("http://127.0.0.1:8000") as client:
    ...     job = client.search("elasticvit", "600MFLOPs").wait()
    ...     job.front, job.build()
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str | None = None, *, patience_s: float = PATIENCE_S):
        self._transport = Transport(url, token, patience_s)
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *rest: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"Client({self._transport.url!r})"

    # ---- submitting -------------------------------------------------------------------------------------------

    def submit(self, kind: str, *, key: str | None = None, priority: int | None = None, **fields: Any) -> RemoteJob:
        """Submit a job of any kind; ``fields`` as in the service's OpenAPI document. Returns at once.

        The same ``key`` and fields give the same job, however often; by default each call has its own.
        Raises RequestRefused (with the text that the command line would show), Conflict, TooManyRequests.
        """
        if kind not in COLLECTIONS:
            from search_spaces.errors import unknown_name

            raise unknown_name("kind of job", kind, COLLECTIONS)
        body = {name: value for name, value in fields.items() if value is not None}
        parameters = {} if priority is None else {"priority": priority}
        headers = {"Idempotency-Key": key or uuid4().hex}
        path = f"/v1/{COLLECTIONS[kind]}"
        return self._job(self._transport.ask("POST", path, json=body, params=parameters, headers=headers))

    def search(self, space: str, budget: str | Iterable[str] | None = None, **fields: Any) -> RemoteJob:
        """``nas.search`` there. ``fields``: candidates, promote, objectives, proxies, seed, options, ..., key."""
        return self.submit("search", space=space, budget=_texts(budget), **fields)

    def design(self, family: str, budget: str | Iterable[str], **fields: Any) -> RemoteJob:
        """``nas.design`` there (DeepMAD). ``fields``: rho, gap, time_s, seed, ..., key."""
        return self.submit("design", family=family, budget=_texts(budget), **fields)

    def scale(self, budget: str | Iterable[str], **fields: Any) -> RemoteJob:
        """``nas.scale`` there (As-ViT). ``fields``: protocol, evaluations, data, ..., key."""
        return self.submit("scale", budget=_texts(budget), **fields)

    def stitch(self, anchors: Iterable[str], **fields: Any) -> RemoteJob:
        """``nas.stitch`` there. ``fields``: data (``ROOT/path`` in a data root of the service), epochs, ..., key."""
        return self.submit("stitch", anchors=list(anchors), **fields)

    def train(
        self, space: str | None = None, architecture: str | dict[str, Any] | None = None, **fields: Any
    ) -> RemoteJob:  # fmt: skip
        """``nas.train_supernet`` (of a ``space``) or ``nas.train`` (of an ``architecture``) there.

        ``architecture``: ``SPACE:NAME``, the id of a job with a front (and ``index``), or an architecture's JSON.
        """
        return self.submit("train", space=space, architecture=architecture, **fields)

    def profile(self, **fields: Any) -> RemoteJob:
        """``nas profile`` there: of the machine that the runner is on, of a table, or of a datasheet."""
        return self.submit("profile", **fields)

    # ---- finding ----------------------------------------------------------------------------------------------

    def job(self, id: str) -> RemoteJob:
        """A job by its id. Raises NotFound."""
        return self._job(self._transport.ask("GET", f"/v1/jobs/{quote(id, safe='')}"))

    def jobs(self, *, kind: str | None = None, state: str | None = None) -> Iterator[RemoteJob]:
        """All jobs, newest first, page by page as they are asked for."""
        return self._pages("/v1/jobs", {"kind": kind, "state": state})

    def runs(self) -> Iterator[RemoteJob]:
        """The jobs that have a front, newest first."""
        return self._pages("/v1/runs", {})

    # ---- what the service knows -------------------------------------------------------------------------------

    def spaces(self) -> list[dict[str, Any]]:
        """The search spaces."""
        return list(self._transport.ask("GET", "/v1/spaces"))

    def space(self, name: str) -> dict[str, Any]:
        """One space: its options, its size, its published networks with their prices. Raises NotFound."""
        return dict(self._transport.ask("GET", f"/v1/spaces/{quote(name, safe='')}"))

    def devices(self) -> list[dict[str, Any]]:
        """The device profiles."""
        return list(self._transport.ask("GET", "/v1/devices"))

    def device(self, name: str) -> dict[str, Any]:
        """One device profile with its evidence. Raises NotFound."""
        return dict(self._transport.ask("GET", f"/v1/devices/{quote(name, safe='')}"))

    def proxies(self) -> list[dict[str, Any]]:
        """The training-free proxies, with their evidence."""
        return list(self._transport.ask("GET", "/v1/proxies"))

    def price(self, architecture: str | dict[str, Any]) -> dict[str, Any]:
        """What one architecture costs (``elasticvit:S1``, or its JSON): MACs, parameters, activations, memory."""
        body = {"arch" if isinstance(architecture, str) else "architecture": architecture}
        return dict(self._transport.ask("POST", "/v1/price", json=body))

    def ready(self) -> None:
        """Raises ServerUnreachable at once where no service answers."""
        self._transport.send("GET", "/healthz", once=True)

    # ---- inside -----------------------------------------------------------------------------------------------

    def _job(self, document: dict[str, Any]) -> RemoteJob:
        return RemoteJob(self._transport, document, self._patience_s)

    def _pages(self, path: str, parameters: dict[str, Any]) -> Iterator[RemoteJob]:
        wanted = {name: value for name, value in parameters.items() if value is not None}
        cursor: str | None = ""
        while cursor is not None:
            page = self._transport.ask("GET", path, params=wanted | ({"cursor": cursor} if cursor else {}))
            yield from map(self._job, page["jobs"])
            cursor = page.get("next_cursor")


def _texts(value: str | Iterable[str] | None) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)
