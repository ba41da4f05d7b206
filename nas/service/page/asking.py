"""The form: a new job, the same request as the command line, said as one types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from nas.errors import NasError
from nas.service.app import actions
from nas.service.page import form, meaning
from nas.service.page.describing import KINDS as TITLES
from nas.service.page.fields import fields, first
from nas.service.page.templating import environment, render
from nas.service.requests import KINDS

FORM = "application/x-www-form-urlencoded"
PROMISES = {
    "search": "The best architectures of a space under a budget, priced exactly, ranked untrained. A minute or two.",
    "design": "A CNN by mathematical programming, with a proof of how far from the best it can at most be.",
    "scale": "A vision transformer, grown to a budget without training it.",
    "stitch": "Every route between pretrained networks in one net, and the front of them all.",
    "train": "A whole space as one supernet, or one network from scratch, on data that this server may read.",
    "profile": "What a device takes, to search for milliseconds: measured on the runner, or fitted on yours.",
}  # fmt: skip


def blank(request: Request) -> Response:
    """An empty form, or one filled in by its address (``?space=..&budget=..``) or by an earlier job (``?from=ID``)."""
    filled: dict[str, Sequence[str]] = {k: request.query_params.getlist(k) for k in request.query_params}
    earlier = filled.pop("from", [""])[0]
    if earlier:
        filled = dict(form.filled_from(dict(request.app.state.store.job(earlier).request)))
    return _form(request, filled, {}, 200)


async def ask(request: Request) -> Response:
    """Submit: to the job's page, or back to the form with what is wrong."""
    filled = await _filled(request)
    return await run_in_threadpool(_ask, request, filled)


def _ask(request: Request, filled: form.Filled) -> Response:
    try:
        job, _ = actions.submit(request, form.read(filled), key=next(iter(filled.get("key", ())), None))
    except NasError as error:
        return _form(request, filled, form.errors_of(error, filled), 422)
    return RedirectResponse(f"/jobs/{job.id}", 303)


async def preview(request: Request) -> Response:
    """What the form says so far: its command line at once; with ``check`` also whether a runner could do it."""
    filled = await _filled(request)
    said = await run_in_threadpool(_preview, request, filled)
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


def _preview(request: Request, filled: form.Filled) -> dict[str, Any]:
    try:
        asked = form.read(filled)
        said = {"command": asked.command_line(), "errors": {}, "means": ""}
        if filled.get("check"):
            bars = meaning.survey(asked, actions.places(request.app.state.service))
            said["means"] = environment().get_template("means.html").render(means=bars) if bars else ""
        return said
    except NasError as error:
        return {"command": None, "errors": form.errors_of(error, filled), "means": ""}


async def _filled(request: Request) -> dict[str, list[str]]:
    if not request.headers.get("content-type", "").startswith(FORM):
        raise HTTPException(415, f"a form is sent as {FORM}; programs use POST /v1/searches and its like")
    try:
        return form.decode(await request.body())
    except ValueError:
        raise HTTPException(400, f"a form has at most {form.MOST_FIELDS} fields") from None


def _form(request: Request, filled: form.Filled, errors: Mapping[str, str], status: int) -> Response:
    kind = (filled.get("kind") or ["search"])[0]
    kind = kind if kind in KINDS else "search"
    shown, rest = first(kind, fields(kind, KINDS[kind]))
    # Opened where something in it was chosen or is wrong: nothing that matters hides.
    opened = any(one.name in errors or filled.get(one.name) for one in rest)
    said = _preview(request, {**filled, "kind": [kind], "check": []})
    return render(
        request, "new.html", status, kind=kind, titles=TITLES, promise=PROMISES[kind], shown=shown, rest=rest,
        filled=filled, errors=errors, opened=opened, command=said["command"], key=uuid4().hex,
    )  # fmt: skip


def add(routes: APIRouter) -> None:
    """Put them where they are served."""
    routes.add_api_route("/new", blank, methods=["GET"])
    routes.add_api_route("/new", ask, methods=["POST"])
    routes.add_api_route("/new/preview", preview, methods=["POST"])
