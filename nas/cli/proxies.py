"""``nas proxies``: the training-free scores there are, and what each has been worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json

if TYPE_CHECKING:
    from predictors.training_free import Evidence

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One proxy; without it, all are listed.")]


def command(name: Name = None, json: Json = False) -> None:
    """List the training-free proxies with their evidence, or describe one.

    Kendall's tau with real accuracies and its 95 % bootstrap interval, beside that of the number of parameters on the
    same networks. A proxy whose interval of the difference to params reaches 0 is no better than params there.

    \b
    Examples:
      nas proxies
      nas proxies depth_width
      nas proxies --json
    """
    from nas.cli.output import emit
    from predictors.training_free import get_proxy, list_proxies

    names = list_proxies() if name is None else [get_proxy(name).name]
    documents = [proxy_facts(n) for n in names]
    if json:
        emit(documents if name is None else documents[0])
    elif name is None:
        _list(documents)
    else:
        _describe(documents[0])


def proxy_facts(name: str) -> dict[str, Any]:
    """What a proxy is and what it has been worth."""
    from dataclasses import asdict

    from predictors.training_free import DEFAULT_PROXIES, evidence, get_proxy, repeatability, seconds

    proxy = get_proxy(name)
    return {
        "name": name, "summary": proxy.summary, "default": name in DEFAULT_PROXIES, "direction": proxy.direction,
        "needs": proxy.needs, "cost": proxy.cost, "equation": proxy.equation, "source": proxy.source,
        "departs": proxy.departs, "invariances": sorted(proxy.invariances), "cpu_seconds_at_600_mmacs": seconds(name),
        "repeatability": repeatability(name),
        "evidence": [{**asdict(e), "verdict": e.verdict} for e in evidence(name)],
    }  # fmt: skip


def _list(documents: list[dict[str, Any]]) -> None:
    from nas.cli.output import console, table
    from predictors.training_free import evidence

    found = {d["name"]: {e.space: e for e in evidence(d["name"]) if e.is_mean} for d in documents}
    spaces = list(dict.fromkeys(s for means in found.values() for s in means))
    titles = {e.space: e.title for means in found.values() for e in means.values()}
    rows = [
        [f"{d['name']}{' (default)' if d['default'] else ''}", d["cost"], _time(d["cpu_seconds_at_600_mmacs"]),
         *(_tau(found[d["name"]].get(s)) for s in spaces)]
        for d in sorted(documents, key=lambda d: not d["default"])
    ]  # fmt: skip
    headings = [f"tau, {titles[s]}" for s in spaces]
    out = console()
    out.print(table(("proxy", "cost", "s each", *headings), rows, ("cost",)))
    out.print("tau: Kendall's tau-b with trained accuracies, a mean over the space's tasks; * better than params there")
    out.print("(95 % interval of the paired difference above 0); anything else is no better than params there.")
    for line in _baselines():
        out.print(line)
    out.print("More about one, task by task: nas proxies NAME")


def _baselines() -> list[str]:
    """What params and MACs reach on the same networks, and what those are."""
    from predictors.training_free import evidence, protocols

    said = protocols()
    return [
        f"{e.title}: params {e.params_tau:+.2f}, MACs {e.macs_tau:+.2f}, {e.n} networks; {said.get(e.space, '')}"
        for e in evidence("params") if e.is_mean
    ]  # fmt: skip


def _tau(found: Evidence | None) -> str:
    if found is None:
        return "not measured"
    return f"{found.tau.value:+.2f} [{found.tau.low:+.2f}, {found.tau.high:+.2f}]{'*' if found.beats_params else ' '}"


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"


def _describe(document: dict[str, Any]) -> None:
    from nas.cli.output import console, table
    from predictors.training_free import evidence, note

    out = console()
    out.print(f"{document['name']}: {document['summary']}", style="bold")
    out.print(f"equation: {document['equation']}")
    out.print(f"source: {document['source']}")
    if document["departs"]:
        out.print(f"departs from released code: {document['departs']}")
    better = "higher" if document["direction"] == "max" else "lower"
    out.print(f"{better} is better; needs {document['needs']}; cost: {document['cost']}")
    if document["invariances"]:
        out.print(f"does not depend on: {', '.join(document['invariances'])}")
    if document["cpu_seconds_at_600_mmacs"] is not None:
        out.print(f"processor seconds per architecture of 600 MMACs: {document['cpu_seconds_at_600_mmacs']:.2f}")
    out.print(note(document["name"]))
    rows = [
        [e.title, e.target, str(e.n), str(e.tau), f"{e.params_tau:+.2f}", f"{e.macs_tau:+.2f}", e.verdict, _rho(e)]
        for e in evidence(document["name"])
    ]
    if rows:
        titles = ("space", "accuracy", "nets", "tau", "params", "MACs", "verdict", "Spearman (published)")
        out.print(table(titles, rows, ("accuracy", "tau", "verdict", "Spearman (published)")))


def _rho(found: Evidence) -> str:
    """Spearman's rho, params' beside it, and the published figure where there is one."""
    if found.spearman is None:
        return ""
    published = "" if found.spearman.published is None else f" ({found.spearman.published:+.2f})"
    return f"{found.spearman.rho}; params {found.spearman.params_rho:+.2f}{published}"
