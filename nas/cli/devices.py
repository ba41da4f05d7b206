"""``nas devices``: the device profiles there are, and what each is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one profile: a name, or its file.")]
FIGURES = ("mape", "within5", "within10", "worst_decile", "tau")
TITLES = {
    "mape": "MAPE", "within5": "within 5 %", "within10": "within 10 %", "worst_decile": "worst decile", "tau": "tau",
}  # fmt: skip


def command(name: Name = None, json: Json = False) -> None:
    """List the device profiles with their evidence, or show one.

    Figures are of measurements that the profile had not seen: mean absolute percentage error, share within 5 and 10 %,
    the error that a tenth exceeds, and Kendall's tau. Your own profiles lie in ~/.local/share/nas/profiles (or
    NAS_PROFILES); 'nas profile' makes them.

    \b
    Examples:
      nas devices
      nas devices pixel6
      nas devices --json
    """
    from nas.cli.output import emit
    from predictors.latency import load_profile

    if name is not None:
        profile = load_profile(name)
        return emit(device_facts(profile)) if json else _describe(profile)
    _list(json)


def _list(as_json: bool) -> None:
    from nas.cli.output import console, emit, table
    from predictors.latency import ProfileError, list_profiles, load_profile

    rows, broken = [], []
    for name in list_profiles():
        try:
            rows.append(device_facts(load_profile(name)))
        except ProfileError as error:
            broken.append(str(error))
    if as_json:
        return emit(rows)
    columns = ["device", "title", "source", "measured", *TITLES.values()]
    texts = [[r["name"], r["title"], r["source"], _count(r["evidence"]), *_figures(r["evidence"])] for r in rows]
    console().print(table(columns, texts, left=("title", "source")))
    for message in broken:
        console(stderr=True).print(f"note: {message}")


def device_facts(profile: DeviceProfile) -> dict[str, Any]:
    """What a profile says of itself, with its evidence."""
    return {
        "name": profile.name, "title": profile.title, "source": profile.source, "fusion": profile.fusion,
        "created": profile.created, "hardware": profile.hardware, "runtime": profile.runtime,
        "energy": profile.energy is not None, "kinds": sorted(profile.latency.models), "evidence": profile.evidence,
    }  # fmt: skip


def _describe(profile: DeviceProfile) -> None:
    from nas.cli.output import console, table

    out, evidence = console(), profile.evidence
    out.print(f"{profile.name}: {profile.title}")
    out.print(f"source: {profile.source}; prices {profile.fusion}; created {profile.created or 'unknown'}")
    for what, facts in (("hardware", profile.hardware), ("runtime", profile.runtime)):
        if facts:
            out.print(f"{what}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
    out.print(f"evidence: {_count(evidence)} measurements; {evidence.get('split', 'no split recorded')}")
    parts = {"all": evidence, **evidence.get("per_kind", {})}
    out.print(table(("measured", "held out", *TITLES.values()), [_part(k, v) for k, v in parts.items()]))
    rest = {k: v for k, v in evidence.items() if k not in (*FIGURES, "measurements", "split", "per_kind")}
    for what, value in rest.items():
        out.print(f"{what}: {_text(value)}")


def _part(name: str, figures: Any) -> list[str]:
    facts = figures if isinstance(figures, dict) else {}
    return [name, "" if name == "all" else _count(facts), *_figures(facts)]


def _count(facts: dict[str, Any]) -> str:
    value = facts.get("measurements")
    return f"{value:,}" if isinstance(value, (int, float)) else "–"


def _figures(facts: dict[str, Any]) -> list[str]:
    values = {name: facts.get(name) for name in FIGURES}
    known = {name: v for name, v in values.items() if isinstance(v, (int, float))}
    return [("–" if n not in known else f"{known[n]:.3f}" if n == "tau" else f"{known[n]:.1%}") for n in FIGURES]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{len(value)} networks (--json shows each)"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
