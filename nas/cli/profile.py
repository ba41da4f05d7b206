"""``nas profile``: make a device profile, by measuring, from a table of measurements, or from a datasheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile

Table = Annotated[
    Path | None, typer.Option("--import", metavar="TABLE.csv", help="Fit on a table of measurements; .gz too.")
]
Grammar = Annotated[
    str, typer.Option("--grammar", metavar="NAME", help="What its rows describe: nn-meter-blocks or operators.")
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="NAME", help="Few shots: adapt this device's profile; auto takes the closest."),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Use the rows with this value only.")
]
IsRoofline = Annotated[bool, typer.Option("--roofline", help="From the three numbers of a datasheet below.")]
Peak = Annotated[float | None, typer.Option("--peak-macs", metavar="MAC/S", help="Peak multiply-accumulates/s.")]
Bandwidth = Annotated[float | None, typer.Option("--bandwidth", metavar="BYTES/S", help="Memory bandwidth.")]
Overhead = Annotated[float, typer.Option("--overhead", metavar="SECONDS", help="Launch overhead of an operator.")]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What the device is; default its name.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="Measure this machine: cpu.")]
Minutes = Annotated[float, typer.Option("--minutes", metavar="N", help="With --device: time to spend on it.")]
Runtime = Annotated[str, typer.Option("--runtime", metavar="NAME", help="With --device: torch (eager PyTorch).")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="With --device: CPU threads.")]
Out = Annotated[str, typer.Option("--out", metavar="NAME", help="The profile's name, or a path that ends in .json.")]


def command(
    out: Out, table: Table = None, grammar: Grammar = "nn-meter-blocks", start: From = None, where: Where = None,
    roofline: IsRoofline = False, peak_macs: Peak = None, bandwidth: Bandwidth = None, overhead: Overhead = 0.0,
    title: Title = None, device: Device = None, minutes: Minutes = 10.0, runtime: Runtime = "torch",
    threads: Threads = 1, json: Json = False,
) -> None:  # fmt: skip
    """Make a device profile: measure this machine, or read a table of measurements, a few of them, or a datasheet.

    A profile is JSON: coefficients and evidence, no pickles. 'nas devices NAME' shows it, --device NAME uses it.

    \b
    Examples:
      nas profile --device cpu --minutes 10 --out laptop             more minutes, more accuracy
      nas profile --import table.csv --grammar nn-meter-blocks --out myphone
      nas profile --import few.csv --from pixel4 --out myphone       50 to 200 measurements are enough
      nas profile --import operators.csv --grammar operators --out board
      nas profile --roofline --peak-macs 2e12 --bandwidth 50e9 --overhead 5e-6 --out board

    --device times operators inside whole networks and checks the profile on networks it never measured. Interrupted,
    the same command goes on where it stopped; with more --minutes it improves.
    A table has a column latency_ms (and may have energy_mj). nn-meter-blocks reads blocks from a column "key";
    operators reads one operator a row: kind, c_in, c_out, kernel_h, kernel_w, stride, groups, h_in, w_in, h_out, w_out.
    Where a table holds several devices, --where device=pixel6 takes one.
    """
    from nas.errors import NasError

    ways = {"--device": device is not None, "--import": table is not None, "--roofline": roofline}
    if sum(ways.values()) != 1:
        raise NasError(f"say where the profile comes from: one of {', '.join(ways)}")
    if table is None and (start is not None or where is not None):
        raise NasError("--from and --where go with --import only")
    name = Path(out).stem if out.endswith(".json") else out
    if device is not None:
        from nas.profiling_device import profile_device

        made = profile_device(device, out, minutes=minutes, runtime=runtime, threads=threads)
        made = replace(made, title=title or made.title)
    elif table is not None:
        made = _imported(table, grammar, start, where, name, title or name)
    else:
        made = _of_datasheet(name, title or name, peak_macs, bandwidth, overhead)
    _save(made, out, json)


def _imported(path: Path, grammar: str, start: str | None, where: str | None, name: str, title: str) -> DeviceProfile:
    from nas.cli.output import console
    from predictors.latency.importing import adapt_profile, fit_profile, read_measured, starting_profile
    from predictors.latency.profile import check_name
    from predictors.latency.tables import read_csv

    check_name("--out", name)
    table = read_csv(path)
    if where is not None:
        column, _, value = where.partition("=")
        table = table.where(column, value)
    measured = read_measured(table, grammar)
    console(stderr=True).print(f"{len(table.rows):,} measurements read; fitting and checking on held-out ones")
    if start is None:
        return fit_profile(measured, name, title)
    return adapt_profile(measured, starting_profile(measured, start), name, title)


def _of_datasheet(name: str, title: str, peak: float | None, bandwidth: float | None, overhead: float) -> DeviceProfile:
    from nas.errors import NasError
    from predictors.latency.profile import check_name
    from predictors.latency.roofline import roofline_profile

    if peak is None or bandwidth is None:
        raise NasError("--roofline needs --peak-macs MAC/S and --bandwidth BYTES/S (and may have --overhead SECONDS)")
    name = check_name("--out", name)
    return roofline_profile(name, title, macs_per_s=peak, bytes_per_s=bandwidth, overhead_s=overhead)


def _save(profile: DeviceProfile, out: str, as_json: bool) -> None:
    from nas.cli.output import console, emit
    from nas.errors import NasError
    from predictors.latency import save_profile

    try:
        path = profile.save(out) if out.endswith(".json") else save_profile(profile)
    except OSError as error:
        raise NasError(f"the profile cannot be written: {error}") from None
    facts: dict[str, Any] = {"name": profile.name, "path": path, "source": profile.source, **profile.evidence}
    if as_json:
        return emit(facts)
    console().print(f"{path} ({profile.source})")
    if facts.get("tau") is not None:
        console().print(
            f"held out: mean error {facts['mape']:.1%}, {facts['within10']:.1%} within 10 %, Kendall tau "
            f"{facts['tau']:.3f} ({facts['split']})"
        )
        if steady := facts.get("repeating", {}).get("checked"):
            console().print(
                f"of the {steady} whose measured median repeats within 5 %: {facts['repeating']['within10']:.1%} "
                "within 10 %"
            )
    else:
        console().print(f"evidence: {facts.get('split', 'none')}")
