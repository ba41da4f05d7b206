"""What a browser is told when something went wrong."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request, Response

from nas.service.page.templating import render
from nas.service.security.hiding import hide

TITLES = {
    403: "That is not yours to do", 404: "There is nothing here", 429: "Too many requests at once",
    503: "The job store does not answer",
}  # fmt: skip


def page(request: Request, status: int, detail: str = "") -> Response:
    """The page for a failure; no path of the host is in it."""
    title = TITLES.get(status) or HTTPStatus(status).phrase
    return render(request, "error.html", status, code=status, title=title, detail=hide(detail))
