"""The page: server-rendered HTML over the job store, and a little script of our own.

Without scripts everything can be read and asked; scripts add what moves: progress, plots, the CLI line while one types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

    from nas.service.settings import Settings


def router(settings: Settings) -> APIRouter:
    """All routes of the page. ``request.app.state.store`` holds the jobs, ``request.state.user`` who asks."""
    from fastapi import APIRouter

    from nas.service.page import asking, assets, comparing, documenting, jobs

    routes = APIRouter(include_in_schema=False)
    for part in (assets, jobs, asking, comparing, documenting):
        part.add(routes)
    return routes
