"""report.html: one file with its style, its script and its data inside, which loads nothing.

A content security policy in the page allows exactly this script and this style sheet, by hash: whatever a hostile name
might smuggle into the page, the browser does not run it. For that reason no template holds a `style=` attribute.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nas.report import formatting
from nas.report.columns import Column, default_axes, numbers
from nas.report.comparison import beside_published, budget_bars
from nas.report.data import ArchitectureCard, ReportData
from nas.report.drawing import architecture_svg, family, thumb_svg
from nas.report.payload import embed, payload
from nas.report.view import funnel_bars, intro, tiles
from nas.report.waterline import waterline_svg

CARD_BUDGET = 4_000_000  # characters of all cards together, each some 10,000; the run's JSON files hold the rest
STYLES = ("tokens.css", "layout.css", "components.css", "charts.css")
SCRIPTS = ("core.js", "names.js", "scatter.js", "parallel.js", "lines.js", "table.js", "app.js")


def render(data: ReportData, columns: Sequence[Column], picture: bytes = b"") -> str:
    """The whole page; `picture` (front.png) is what a reader without scripts sees instead of the charts."""
    best = data.recommended.index if data.recommended else 0
    cards = {card.index: card for card in data.architectures}
    html = _cards(data, columns, best)
    rows = data.front.to_dict("records")
    script, style = _bundle(SCRIPTS, "js"), _bundle(STYLES, "css")
    return _environment().get_template("report.html").render(
        data=data, columns=columns, rows=rows, script=script, style=style, policy=_policy(script, style),
        json=embed(payload(data, columns, [html.get(index) for index in range(len(rows))])),
        best=data.recommended, best_row=rows[best], best_card=cards.get(best), first_card=html.get(best, ""),
        best_thumb=thumb_svg(cards[best]) if best in cards else "",
        picture=base64.b64encode(picture).decode(), axes=default_axes(list(columns)),
        tiles=tiles(data), intro=intro(data, columns), funnel=funnel_bars(data.funnel),
        budget=budget_bars(data, columns), beside=beside_published(data, columns),
        published=data.published.to_dict("records"),
        published_columns=[column for column in columns if numbers(data.published, column.name).notna().any()],
    )  # fmt: skip


def _cards(data: ReportData, columns: Sequence[Column], first: int) -> dict[int, Markup]:
    """The cards that fit into the page, by row, the recommended one before all."""
    cards, spent = {}, 0
    for card in sorted(data.architectures, key=lambda card: (card.index != first, card.index)):
        if spent > CARD_BUDGET:
            break
        cards[card.index] = _card(card, data, columns)
        spent += len(cards[card.index])
    return cards


def _card(card: ArchitectureCard, data: ReportData, columns: Sequence[Column]) -> Markup:
    """One architecture, drawn and priced, as a fragment of HTML."""
    row: dict[str, Any] = data.front.iloc[card.index].to_dict()
    spent = {"macs": sum(s.macs for s in card.stages) or 1, "params": sum(s.params for s in card.stages) or 1}
    families: dict[str, dict[str, None]] = {}
    for stage in card.stages:
        families.setdefault(family(stage.kind), {})[stage.kind] = None
    recommended = data.recommended is not None and data.recommended.index == card.index
    context = {"card": card, "row": row, "columns": columns, "spent": spent, "families": families}
    template = _environment().get_template("card.html")
    gaps = [waterline_svg(view) for view in card.devices]
    text = template.render(drawing=architecture_svg(card), gaps=gaps, recommended=recommended, **context)
    # Up to hundreds of cards travel in the page: indentation between tags is a fifth of them.
    return Markup(re.sub(r">\s*\n\s*<", "><", text))  # escaped by the template


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nas.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    helpers = (formatting.count, formatting.short, formatting.duration, formatting.percent, formatting.is_number)
    environment.filters.update({helper.__name__: helper for helper in helpers})
    environment.filters["family"] = family
    return environment


def _bundle(names: Sequence[str], kind: str) -> Markup:
    folder = Path(__file__).parent / "templates"
    text = "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)
    # One function around all: nothing of the page leaks into, or can be overridden from, the global scope.
    return Markup(f'(() => {{\n"use strict";\n{text}\n}})();' if kind == "js" else text)  # our own files


def _policy(script: str, style: str) -> str:
    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {allowed(script)}; style-src {allowed(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
