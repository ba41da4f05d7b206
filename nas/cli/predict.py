"""``nas predict``: milliseconds on devices, of architectures or of a table of blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile

Archs = Annotated[
    list[str] | None, typer.Argument(metavar="[ARCH]...", help="SPACE:NAME, RUN, RUN#INDEX, FILE.json or timm:NAME.")
]
Device = Annotated[
    list[str],
    typer.Option("--device", metavar="NAME", help="A device profile ('nas devices'), or its file; repeatable."),
]
Blocks = Annotated[
    Path | None, typer.Option("--blocks", metavar="FILE.csv", help="Price every row of a table instead; .gz too.")
]
Grammar = Annotated[
    str | None, typer.Option("--grammar", metavar="NAME", help="What a row describes: nn-meter-blocks or operators.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="OUT.csv", help="With --blocks: the table to write.")]
ADDED = ("predicted_ms", "predicted_low_ms", "predicted_high_ms")


def command(
    archs: Archs = None, device: Device = [], blocks: Blocks = None, grammar: Grammar = None, out: Out = None,  # noqa: B006
    json: Json = False,
) -> None:  # fmt: skip
    """Predict latency (and energy, where a profile has it) on devices, with a 90 % interval.

    What a device was never measured on is estimated from the prices of its parts, widens the interval and is named.
    "measured" is the share of the time in operators like those that were measured.

    \b
    Examples:
      nas predict elasticvit:S1 --device pixel6 --device xiaomi11
      nas predict results/RUN#3 --device pixel4 --json
      nas predict --blocks blocks.csv --grammar nn-meter-blocks --device pixel6 --out predicted.csv

    --blocks keeps the table's columns and adds predicted_ms, predicted_low_ms and predicted_high_ms to every row.
    nn-meter-blocks reads a column "key"; operators reads kind, c_in, c_out, kernel_h, kernel_w, stride, groups, h_in,
    w_in, h_out, w_out (missing shape columns are 1).
    """
    from nas.errors import NasError
    from predictors.latency import load_profile

    if not device:
        raise NasError("name at least one --device (see 'nas devices')")
    profiles = [load_profile(name) for name in device]
    if blocks is not None:
        if archs or grammar is None or out is None or len(profiles) != 1:
            raise NasError("--blocks FILE needs --grammar NAME, --out OUT.csv and one --device, and no ARCH beside it")
        return _blocks(blocks, grammar, profiles[0], out, json)
    if grammar is not None or out is not None:
        raise NasError("--grammar and --out go with --blocks only")
    if not archs:
        raise NasError("name an architecture: SPACE:NAME, RUN#INDEX, FILE.json or timm:NAME")
    _show([_predicted(name, profile) for name in archs for profile in profiles], json)


def _predicted(name: str, profile: DeviceProfile) -> dict[str, Any]:
    from nas.sources import operator_table

    operators = operator_table(name)
    found = profile.predict(operators)
    row = {
        "name": name, "device": profile.name, "latency_ms": float(found.ms[0]), "low_ms": float(found.low[0]),
        "high_ms": float(found.high[0]), "coverage": float(found.coverage[0]), "warnings": list(found.warnings),
    }  # fmt: skip
    if profile.energy is not None:
        energy = profile.predict(operators, "energy")
        row |= {"energy_mj": float(energy.ms[0]), "energy_low_mj": float(energy.low[0])}
        row |= {"energy_high_mj": float(energy.high[0])}
    return row


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    from nas.cli.output import console, emit, table

    if as_json:
        return emit(rows)
    energy = any("energy_mj" in r for r in rows)
    columns = ["architecture", "device", "ms", "90 % interval", "measured", *(["mJ"] if energy else [])]
    texts = [
        [
            r["name"], r["device"], f"{r['latency_ms']:.4g}", f"{r['low_ms']:.4g} to {r['high_ms']:.4g}",
            f"{r['coverage']:.0%}", *([f"{r['energy_mj']:.4g}" if "energy_mj" in r else "–"] if energy else []),
        ]
        for r in rows
    ]  # fmt: skip
    out = console()
    out.print(table(columns, texts, left=("device",)))
    for note in dict.fromkeys(f"{r['device']}: {w}" for r in rows for w in r["warnings"]):
        out.print(f"note: {note}")


def _blocks(path: Path, grammar: str, profile: DeviceProfile, out: Path, as_json: bool) -> None:
    from nas.cli.output import console, emit
    from nas.errors import NasError
    from predictors.latency.importing import predict_each, read_measured
    from predictors.latency.tables import read_csv, write_csv

    table = read_csv(path)
    if taken := [name for name in ADDED if name in table.header]:
        raise NasError(f"{path} already has a column {taken[0]}")
    found = predict_each(profile, read_measured(table, grammar))
    numbers = zip(found.ms.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
    rows = [(*row, *(f"{v:.6g}" for v in values)) for row, values in zip(table.rows, numbers, strict=True)]
    write_csv(out, (*table.header, *ADDED), rows)
    inside = float(found.coverage.mean())
    if as_json:
        facts = {"device": profile.name, "rows": len(rows), "out": out, "inside": inside}
        return emit(facts | {"warnings": list(found.warnings)})
    console().print(f"{out}: {len(rows):,} rows priced on {profile.title}, {inside:.0%} of them like measured ones")
    for warning in found.warnings:
        console(stderr=True).print(f"note: {warning}")
