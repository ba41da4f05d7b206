"""Templates of the page: everything is escaped, nothing is undefined, no style or script stands inside."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nas.report import formatting
from nas.report.drawing import family
from nas.service.page import describing
from nas.service.page.assets import fingerprint, plotly_style_ids

_UNSAFE = re.compile(r"<(?=[/!?]|script)", re.IGNORECASE)


@cache
def environment() -> Environment:
    """The templates with their filters."""
    made = Environment(
        loader=PackageLoader("nas.service.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    filters = (formatting.count, formatting.short, formatting.duration, formatting.percent, family)
    words = (describing.ago, describing.title, describing.state, describing.progress, describing.share)
    made.filters.update({one.__name__: one for one in (*filters, *words, embed)})
    made.globals.update(
        kinds=describing.KINDS, states=describing.STATES, asset=fingerprint, plotly_style_ids=plotly_style_ids
    )
    return made


def embed(value: Any) -> Markup:
    """``value`` as JSON that cannot leave a <script type="application/json"> element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(_UNSAFE.sub(r"\\u003c", text))


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page, or a fragment of one, that no cache keeps: it is about now, and about one user."""
    user = getattr(request.state, "user", None)
    path = request.url.path
    text = environment().get_template(template).render(user=user, path=path, **context)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})
