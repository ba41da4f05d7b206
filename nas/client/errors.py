"""What can go wrong between a client and a service; each says it in the words of the service's problem document."""

from __future__ import annotations

from typing import Any

from nas.errors import NasError, RunFailed


class ServiceError(NasError):
    """The service refused or failed. ``data``: ``status`` (HTTP, or None), ``problem`` (its problem+json, or {})."""


class ServerUnreachable(ServiceError):
    """No service answered for as long as the client is patient."""


class AccessDenied(ServiceError):
    """No token, a wrong one, or one without the scope (401, 403)."""


class NotFound(ServiceError):
    """No such job, run, architecture or file (404, 410)."""


class Conflict(ServiceError):
    """Not in the state that this needs, or an idempotency key used for another request (409)."""


class RequestRefused(ServiceError):
    """A request that can never be run as it is: the text is the command line's own (400, 413, 415, 422)."""


class TooManyRequests(ServiceError):
    """A rate limit or a quota (429)."""


class JobFailed(ServiceError, RunFailed):
    """The job ended without a result: it failed or was cancelled. ``data``: ``job``, ``state``, ``problem``."""


class WaitTimeout(ServiceError):
    """The job goes on, but not longer than the caller would wait. ``data``: ``job``, ``state``."""


_BY_STATUS: dict[int, type[ServiceError]] = {
    400: RequestRefused, 401: AccessDenied, 403: AccessDenied, 404: NotFound, 409: Conflict, 410: NotFound,
    413: RequestRefused, 415: RequestRefused, 422: RequestRefused, 429: TooManyRequests,
}  # fmt: skip


def error_of(status: int, problem: dict[str, Any]) -> ServiceError:
    """The error for an answer of 400 and above."""
    kind = _BY_STATUS.get(status, ServiceError)
    text = problem.get("detail") or problem.get("title") or f"the service answered with status {status}"
    hint = "; give a token with --token-file FILE or NAS_TOKEN" if status == 401 else ""
    return kind(f"{text}{hint}", status=status, problem=problem)
