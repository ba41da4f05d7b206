"""What goes wrong, as RFC 9457 says it: ``application/problem+json``, for people and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from nas.errors import NasError
from nas.service.security.hiding import hide
from nas.service.store.errors import IdempotencyConflict, JobActive, JobNotFound, QuotaExceeded, StoreError

MEDIA_TYPE = "application/problem+json"
TEMPORARY_LIMITS = frozenset({"queued", "running"})


def problem(
    status: int, detail: str = "", *, kind: str = "about:blank", errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The response. ``detail`` may come from anywhere: paths of the host are taken out of it.

    ``errors``: ``field`` and ``message`` of each field that was wrong.
    """
    document: dict[str, Any] = {"type": kind, "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        document["detail"] = hide(detail)
    if errors:
        document["errors"] = list(errors)
    return Response(json.dumps(document), status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def of_error(error: NasError) -> Response:
    """An error of ours: its one line, which is the CLI's own, under the status that its class means."""
    status = _status(error)
    headers = {"Retry-After": "5"} if status == 503 else None
    # A database's own words may hold its address.
    detail = "the job store does not answer; try again" if isinstance(error, StoreError) else str(error)
    return problem(status, detail, kind=kind_of(error), headers=headers)


def kind_of(error: NasError) -> str:
    """``urn:nas:problem:budget-infeasible`` for ``BudgetInfeasible``."""
    words = re.findall(r"[A-Z][a-z]*", type(error).__name__)
    return "urn:nas:problem:" + "-".join(words).lower()


def _status(error: NasError) -> int:
    if isinstance(error, JobNotFound):
        return 404
    if isinstance(error, (IdempotencyConflict, JobActive)):
        return 409
    if isinstance(error, QuotaExceeded):
        return 429 if error.data.get("limit") in TEMPORARY_LIMITS else 403
    return 503 if isinstance(error, StoreError) else 422
