"""``nas score``: training-free proxies of architectures, with what each proxy is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.training_free import Outcome

Archs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ARCH]...", help="SPACE:NAME, RUN, RUN#INDEX, FILE.json, or timm:NAME for any timm model."),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option("--proxy", metavar="NAME", help="A proxy, or all; repeatable. Default: what nas search uses."),
]
DataSet = Annotated[
    str | None, typer.Option("--data", metavar="DATA", help="Images and labels instead of random ones: digits, ...")
]
Images = Annotated[int, typer.Option("--images", metavar="N", help="With --data: how many images the proxies see.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of weights and of all that proxies draw.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="What one architecture may take.")]
Space = Annotated[str | None, typer.Option("--space", metavar="NAME", help="With --table: autoformer or pit.")]
Rows = Annotated[
    Path | None, typer.Option("--table", metavar="FILE.csv", help="Score every row of a table of networks instead.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE.csv", help="With --table: where the scores go.")]


def command(
    archs: Archs = None, proxy: Proxies = None, data: DataSet = None, images: Images = 8, seed: Seed = 0,
    timeout: Timeout = 600.0, space: Space = None, table: Rows = None, out: Out = None, json: Json = False,
) -> None:  # fmt: skip
    """Judge architectures without training them: the value of each proxy, its seconds and what it is worth.

    Networks are judged at initialisation. Values of different architectures are to be compared, not read. A proxy that
    failed, ran out of time or memory or was not a number has no value and says why.

    \b
    Examples:
      nas score elasticvit:S1 timm:deit_tiny_patch16_224 --proxy all
      nas score results/RUN#0 results/RUN#1 --proxy naswot --data digits --json
      nas score --space autoformer --table rows.csv --out scores.csv

    --table reads one network per row (autoformer: hidden_dim, depth, num_heads, mlp_ratio; pit: base_dim, mlp_ratio,
    depth, num_heads) and writes the rows with a column `score`, the default's, and one for each proxy.
    """
    from nas.errors import NasError
    from predictors.training_free import DEFAULT_PROXIES, get_proxy, list_proxies

    names = list_proxies() if "all" in (proxy or ()) else list(proxy or DEFAULT_PROXIES)
    for name in names:
        get_proxy(name)
    if timeout <= 0:
        raise NasError(f"--timeout must be above 0 seconds, got {timeout:g}")
    if (table is None) != (space is None) or (table is not None) == bool(archs):
        raise NasError("name architectures (SPACE:NAME, RUN#INDEX, FILE.json, timm:NAME), or give --space and --table")
    if table is not None and space is not None:
        return _table(space, table, out, names, seed, json)
    if out is not None:
        raise NasError("--out goes with --table; use --json to keep the scores of named architectures")
    _named(archs or [], names, data, images, seed, timeout, json)


def _table(space: str, table: Path, out: Path | None, names: list[str], seed: int, as_json: bool) -> None:
    from nas.cli.output import console, emit
    from nas.scoring_table import score_table

    scored = score_table(space, table, out, names, seed=seed)
    if as_json:
        return emit(scored.to_dict("records"))
    missing = int(scored["score"].isna().sum())
    where = f" in {out}" if out is not None else ""
    console().print(f"{len(scored)} networks scored{where}" + (f", {missing} without a value" if missing else ""))
    if out is None:
        console().print(scored.to_csv(index=False, lineterminator="\n"), end="")


def _named(
    archs: list[str], names: list[str], data: str | None, images: int, seed: int, timeout: float, as_json: bool
) -> None:
    from nas.cli.output import emit
    from nas.scoring import score_named

    found = {
        arch: score_named(arch, names, data=data, images=images, seed=seed, seconds=timeout)
        for arch in dict.fromkeys(archs)
    }
    emit([_document(arch, outcomes) for arch, outcomes in found.items()]) if as_json else _show(found, names)


def _document(arch: str, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    from predictors.training_free import get_proxy, note

    return {
        "name": arch,
        "scores": [
            {
                "proxy": name, "value": o.value, "outcome": o.status, "message": o.message, "seconds": o.seconds,
                "direction": get_proxy(name).direction, "needs": get_proxy(name).needs, "note": note(name),
            }
            for name, o in outcomes.items()
        ],
    }  # fmt: skip


def _show(found: dict[str, dict[str, Outcome]], names: list[str]) -> None:
    from nas.cli.output import console, table

    out = console()
    columns = ("proxy", "better", *found, "seconds", "outcome", "evidence: tau with accuracy")
    rows = [_row(name, [outcomes[name] for outcomes in found.values()]) for name in dict.fromkeys(names)]
    out.print(table(columns, rows, left=("better", columns[-2], columns[-1])))
    for arch, outcomes in found.items():
        for name, o in outcomes.items():
            if not o.ok:
                out.print(f"{arch}, {name}: {o.status}. {o.message}")
    out.print(f"> : better than ranking by params there. Work that proxies share is charged to the first of them; "
              f"in all {sum(o.seconds for os in found.values() for o in os.values()):.1f} s.")  # fmt: skip


def _row(name: str, outcomes: list[Outcome]) -> list[str]:
    from predictors.training_free import get_proxy

    values = ["-" if o.value is None else _number(o.value) for o in outcomes]
    statuses = ", ".join(dict.fromkeys(o.status for o in outcomes))
    better = "high" if get_proxy(name).direction == "max" else "low"
    return [name, better, *values, f"{sum(o.seconds for o in outcomes):.2f}", statuses, _evidence(name)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.6g}"


def _evidence(name: str) -> str:
    from predictors.training_free import evidence

    means = [e for e in evidence(name) if e.is_mean]
    return "; ".join(f"{e.title} {e.tau.value:+.2f}{' >' if e.beats_params else ''}" for e in means) or "not measured"
