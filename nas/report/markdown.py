"""summary.md: the same findings in a page of Markdown, for a pull request or a chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas.report.columns import Column
from nas.report.comparison import budget_bars
from nas.report.data import ReportData
from nas.report.formatting import count, duration

MOST_ROWS = 50


def summary(data: ReportData, columns: Sequence[Column]) -> str:
    """The whole of summary.md."""
    parts = [
        f"# {_cell(data.title)}",
        f"Search space **{_cell(data.space)}** ({_cell(data.space_size)}), budget {_list(data.budgets) or 'none'}.",
        *_recommended(data, columns),
        "![The front](front.png)",
        *_front(data, columns),
        *_budget(data, columns),
        *_funnel(data),
        *_facts(data),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(text: object) -> str:
    """Text that cannot break a table, start mark-up or open an HTML element."""
    line = " ".join(str(text).split())
    for char in "\\`*_[]|":
        line = line.replace(char, "\\" + char)
    return line.replace("&", "&amp;").replace("<", "&lt;")


def _list(texts: Iterable[str]) -> str:
    return ", ".join(_cell(text) for text in texts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], numeric_from: int = 1) -> str:
    rule = ["---" if i < numeric_from else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *rows))


def _recommended(data: ReportData, columns: Sequence[Column]) -> list[str]:
    best = data.recommended
    if best is None:
        return []
    row = data.front.iloc[best.index]
    figures = ", ".join(f"{_cell(c.label)} {_cell(c.text(row.get(c.name), True))}" for c in columns)
    parts = [f"## Recommended: #{best.index} `{_code(row['id'])}`", f"**{_cell(best.headline)}** ({figures})"]
    parts += ["\n".join(f"- {_cell(reason)}" for reason in best.reasons)] if best.reasons else []
    parts += [f"How sure: {_cell(best.confidence)}"] if best.confidence else []
    if best.neighbours:
        parts.append("Next to it:\n\n" + "\n".join(f"- #{index}: {_cell(text)}" for index, text in best.neighbours))
    code = next((card.code for card in data.architectures if card.index == best.index), "")
    # Four backticks: a snippet that itself holds a fence of three stays inside.
    return [*parts, f"````python\n{code.strip()}\n````"] if code else parts


def _code(text: object) -> str:
    return str(text).replace("`", "'").replace("\n", " ")


def _front(data: ReportData, columns: Sequence[Column]) -> list[str]:
    header = ["#", "id", *(_cell(column.heading) for column in columns)]
    shown = data.front.head(MOST_ROWS)
    rows = (
        [str(i), f"`{_code(row['id']).replace('|', ' ')}`", *(column.text(row.get(column.name)) for column in columns)]
        for i, row in enumerate(shown.to_dict("records"))
    )
    parts = [f"## The front: {count(len(data.front))} architectures", _table(header, rows, 2)]
    if len(shown) < len(data.front):
        parts.append(f"The first {MOST_ROWS} of {count(len(data.front))} rows; all of them are in `front.csv`.")
    return parts


def _budget(data: ReportData, columns: Sequence[Column]) -> list[str]:
    bars = budget_bars(data, columns)
    header = ["Quantity", "Smallest", "Typical", "Largest", "Allowed", "Can be met"]
    rows = (
        [_cell(b.name), b.smallest, b.typical, b.largest, _cell(b.allowed), "yes" if b.satisfiable else "**no**"]
        for b in bars
    )
    return ["## What the budget means in this space", _table(header, rows)] if bars else []


def _funnel(data: ReportData) -> list[str]:
    header = ["Level", "Seen", "Kept", "Time", "Note"]
    rows = (
        [_cell(one.name), count(one.seen), count(one.kept), duration(one.seconds), _cell(one.note)]
        for one in data.funnel
    )
    return ["## The cascade", _table(header, rows)] if data.funnel else []


def _facts(data: ReportData) -> list[str]:
    rows = ([_cell(key), _cell(value)] for key, value in data.facts.items())
    command = f"````sh\n{data.command.strip()}\n````"
    return ["## The run", command, *([_table(["Fact", "Value"], rows, 2)] if data.facts else [])]
