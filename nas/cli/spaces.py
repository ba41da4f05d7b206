"""``nas spaces``: what can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Family, ImgSize, InChans, Json, NumClasses, Option, space_options

if TYPE_CHECKING:
    from search_spaces import SearchSpace

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One space; without it, all are listed.")]
COUNTS = ("macs", "params", "activations", "memory")


def command(
    name: Name = None, num_classes: NumClasses = None, img_size: ImgSize = None, in_chans: InChans = None,
    family: Family = None, option: Option = None, json: Json = False,
) -> None:  # fmt: skip
    """List the search spaces, or describe one: choices, stages, exact sizes and bounds, published networks.

    \b
    Examples:
      nas spaces
      nas spaces elasticvit
      nas spaces elasticvit --img-size 224 --json
      nas spaces vit_resnas --option size=small
      nas spaces sorted_net --option model=mynets:make_net --num-classes 10 --img-size 32
    """
    from nas.cli.output import emit
    from search_spaces import get_space, list_spaces
    from search_spaces.registry import space_class

    if name is None:
        rows = [space_line(n, space_class(n)) for n in list_spaces()]
        emit(rows) if json else _list(rows)
        return
    space = get_space(name, **space_options(num_classes, img_size, in_chans, family, option))
    emit(space_facts(space)) if json else _describe(space)


def space_line(name: str, kind: type[SearchSpace]) -> dict[str, Any]:
    """One space; without numbers where they depend on models that the user names."""
    if kind.of_models:
        return {"name": name, "title": kind.title, "size": None, "published": None}
    space = kind()
    return {"name": name, "title": space.title, "size": str(space.size), "published": len(space.published)}


def _list(rows: list[dict[str, Any]]) -> None:
    from nas.cli.output import console, table

    texts = [[r["name"], *_numbers(r), r["title"]] for r in rows]
    console().print(table(("space", "architectures", "published", ""), texts, left=("",)))
    console().print("More about one: nas spaces NAME")


def _numbers(row: dict[str, Any]) -> tuple[str, str]:
    from nas.cli.output import big

    return (big(int(row["size"])), str(row["published"])) if row["size"] else ("by its models", "–")


def space_facts(space: SearchSpace) -> dict[str, Any]:
    """Everything there is to say of one space, as JSON data; sizes are text, they may have twenty digits."""
    published = {name: {"id": a.id, **space.price_architecture(a)} for name, a in space.published.items()}
    return {
        "name": space.name, "title": space.title, "source": space.source, "options": space.options,
        "size": str(space.size), "total_size": str(space.total_size), "rule": space.rule_text,
        "choices": {c.name: list(c.values) for c in space.choices}, "stages": [s.name for s in space.stages],
        "bounds": {q: dict(zip(("smallest", "largest"), space.bounds(q), strict=True)) for q in COUNTS},
        "released_field": space.released_field, "published": published,
    }  # fmt: skip


def _describe(space: SearchSpace) -> None:
    from nas.cli.output import big, console, heading, quantity, table

    facts, out = space_facts(space), console()
    out.print(f"{space.name}: {space.title}", style="bold")
    out.print(f"source: {space.source}")
    out.print(f"size: {big(space.size)} architectures of {big(space.total_size)} combinations ({space.rule_text})")
    out.print(f"options: {', '.join(f'{k}={v}' for k, v in space.options.items())}")
    if space.options_text:
        out.print(space.options_text, soft_wrap=True)
    out.print(f"stages: {', '.join(facts['stages'])}")
    choices = [[c.name, str(len(c.values)), ", ".join(map(str, c.values))] for c in space.choices]
    out.print(table(("choice", "values", "which"), choices, ("which",)))
    bounds = [[heading(q), *(quantity(q, v) for v in facts["bounds"][q].values())] for q in COUNTS]
    out.print(table(("exact bounds", "smallest", "largest"), bounds))
    rows = [[n, p["id"], *(quantity(q, p[q], unit=False) for q in (*COUNTS, "capacity"))]
            for n, p in facts["published"].items()]  # fmt: skip
    if rows:
        out.print(table(("published", "id", *map(heading, (*COUNTS, "capacity"))), rows, ("id",)))
        out.print(f"Build one: nas build {space.name}:{rows[0][0]}")
