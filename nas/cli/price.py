"""``nas price``: what an architecture costs, exactly, without building it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Family, ImgSize, InChans, Json, NumClasses, Option, space_options

if TYPE_CHECKING:
    from search_spaces import Architecture, SearchSpace

Arch = Annotated[
    str | None,
    typer.Argument(
        metavar="[ARCH]",
        help="SPACE:NAME (or :smallest, :largest), RUN, RUN#INDEX, FILE.json, or timm:NAME for any timm model.",
    ),
]
Space = Annotated[str | None, typer.Option("--space", metavar="NAME", help="With --released: the file's space.")]
Released = Annotated[
    Path | None,
    typer.Option("--released", metavar="FILE", help="JSON list in a paper's released encoding."),
]
Anchors = Annotated[
    str | None,
    typer.Option("--anchors", metavar="NAME,NAME", help="With --space stitching: timm models, smallest first."),
]
Rule = Annotated[str | None, typer.Option("--rule", metavar="v1|v2", help="With --anchors: which routes; default v1.")]


def command(
    arch: Arch = None, space: Space = None, released: Released = None, anchors: Anchors = None, rule: Rule = None,
    num_classes: NumClasses = None, img_size: ImgSize = None, in_chans: InChans = None, family: Family = None,
    option: Option = None, json: Json = False,
) -> None:  # fmt: skip
    """Price an architecture: MACs, parameters, activations and peak memory, per stage and in all.

    Counts are for one image. MACs are multiply-accumulates of convolutions, linear layers and attention products
    (what papers call FLOPs). Peak memory is the largest working set of any operator, float32.

    \b
    Examples:
      nas price elasticvit:S1
      nas price autoformer:largest
      nas price results/RUN#3 --json
      nas price timm:vit_tiny_patch16_224
      nas price --space elasticvit --released networks.json --json
      nas price --space stitching --anchors deit_tiny_patch16_224,deit_small_patch16_224 --rule v2

    --released reads a list of {"name", "<field>", "resolution"?}, where the field holds the paper's own encoding
    (arch_raw for elasticvit), and gives for each: name, macs, params, paper_count, paper_params, in_space.
    paper_count and paper_params are the paper's own counting where it differs, else null. --anchors lists every route
    between networks, in the papers' order, before any training.
    """
    from nas.errors import NasError

    options = space_options(num_classes, img_size, in_chans, family, option)
    if anchors is not None:
        if space != "stitching" or arch is not None or released is not None:
            raise NasError("--anchors NAME,NAME goes with --space stitching, and no ARCH or --released beside it")
        return _routes(options | {"anchors": anchors} | ({"rule": rule} if rule else {}), json)
    if rule is not None:
        raise NasError("--rule goes with --anchors only")
    if released is not None:
        if space is None or arch is not None:
            raise NasError("--released FILE needs --space NAME, and no ARCH beside it")
        return _released(space, released, options, json)
    if arch is None:
        raise NasError("name an architecture: SPACE:NAME, RUN#INDEX, FILE.json or timm:NAME")
    if space is not None or options:
        raise NasError("--space and its options (--num-classes, ...) go with --released or --anchors only")
    _show(arch, _timm(arch.removeprefix("timm:")) if arch.startswith("timm:") else _ours(arch), json)


def _ours(text: str) -> dict[str, Any]:
    from nas.sources import resolve

    return price_facts(*resolve(text))


def price_facts(space: SearchSpace, architecture: Architecture) -> dict[str, Any]:
    """What an architecture costs, in all and by stage, by our counting and by its paper's."""
    from nas.cli.stages import described

    price = space.price_architecture(architecture)
    return {
        "id": architecture.id, "space": space.name, **price, "paper_count": space.paper_count(architecture),
        "paper_params": space.paper_params(architecture), "in_space": space.contains(architecture),
        "stages": described(space, architecture), **_effect(space.operators(architecture)),
    }  # fmt: skip


def _timm(name: str) -> dict[str, Any]:
    from nas.cli.stages import stage_rows, totals
    from nas.sources import operator_table

    operators = operator_table(f"timm:{name}")
    return {"id": name, "space": None, **totals(operators), "stages": stage_rows(operators), **_effect(operators)}


def _effect(operators: Any) -> dict[str, Any]:
    """DeepMAD's entropy and effectiveness of a network whose main path is all convolutions, else nothing."""
    from search_spaces.entropy import effectiveness
    from search_spaces.operators import Kind, Role

    kinds = set(operators["kind"][operators["role"] == Role.MAIN].tolist())
    if Kind.CONV not in kinds or kinds & {Kind.LINEAR, Kind.MATMUL}:
        return {}
    found = effectiveness(operators)
    return {
        "effectiveness": {
            "depth": found.depth, "entropy": found.entropy, "score": found.score, "rho": found.rho,
            "rho_last": found.rho_last,
        }
    }  # fmt: skip


def _show(name: str, facts: dict[str, Any], as_json: bool) -> None:
    from nas.cli.output import console, emit, quantity
    from nas.cli.stages import stage_table

    if as_json:
        return emit({"name": name, **facts})
    out = console()
    out.print(f"{name}" + (f" ({facts['id']})" if facts["id"] not in name else ""))
    out.print(stage_table(facts["stages"], facts))
    if facts.get("capacity") is not None:
        out.print(f"capacity (multi-scale entropy): {facts['capacity']:.2f}")
    if effect := facts.get("effectiveness"):
        out.print(
            f"DeepMAD: {effect['depth']} convolutions on the main path, entropy E {effect['entropy']:.4f}, score "
            f"{effect['score']:.1f}, rho {effect['rho']:.4f} (over the whole depth {effect['rho_last']:.4f})"
        )
    if facts.get("paper_count") is not None:
        out.print(f"by the paper's own counter: {quantity('macs', facts['paper_count'])} MACs")


def _released(name: str, path: Path, options: dict[str, Any], as_json: bool) -> None:
    from nas.cli.output import console, emit, quantity, table
    from nas.released import price_released
    from search_spaces import get_space

    rows = price_released(get_space(name, **options), path)
    if as_json:
        return emit(rows)
    columns = ("name", "macs", "params", "paper_count", "paper_params", "in_space")
    units = dict(zip(columns[1:5], ("macs", "params", "macs", "params"), strict=True))
    texts = [
        [r["name"], *(quantity(units[c], r[c]) for c in columns[1:5]), "yes" if r["in_space"] else "no"] for r in rows
    ]
    console().print(table(columns, texts))


def _routes(options: dict[str, Any], as_json: bool) -> None:
    from nas.cli.output import console, emit, quantity, table
    from search_spaces import get_space
    from search_spaces.stitching.listing import listing

    rows = listing(get_space("stitching", **options))  # type: ignore[arg-type]
    if as_json:
        return emit(rows)
    columns = ("macs", "params", "paper_count", "paper_params")
    units = ("macs", "params", "macs", "params")
    texts = [
        [
            str(r["id"]) + ("" if r["used"] else " (unused)"), r["type"], " to ".join(map(str, r["path"])),
            str(r["stitches"] or ""), *(quantity(u, r[c]) for u, c in zip(units, columns, strict=True)),
        ]
        for r in rows
    ]  # fmt: skip
    console().print(table(("id", "type", "anchors", "stitches", *columns), texts, ("type", "anchors", "stitches")))
