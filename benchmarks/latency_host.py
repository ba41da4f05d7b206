"""The host row of the latency table: a profile of this machine's CPU against whole networks it never measured.

python benchmarks/latency_host.py                     # profiles this machine for 10 minutes, then prints the row
python benchmarks/latency_host.py --profile NAME      # prints the row of a profile that is there
"""

from __future__ import annotations

import argparse
from typing import Any

NAME = "host-benchmark"
BAR_WITHIN10, BAR_TAU, BAR_SPACES = 0.90, 0.95, ("elasticvit", "vit_resnas", "timm")


def row(evidence: dict[str, Any], sources: tuple[str, ...] = ()) -> str:
    """One line: of the networks (of ``sources``, else all) whose median repeats, share within 10 % and tau."""
    from predictors.latency.profiling.host import summary

    rows = [r for r in evidence["rows"] if not sources or r["source"] in sources]
    found = summary(rows)
    steady = found["repeating"]
    if not steady["checked"]:
        return f"host | {len(rows)} networks never measured; none repeats within 5 %: the machine is too noisy"
    tau = steady["tau"]
    met = steady["within10"] >= BAR_WITHIN10 and (tau or 0) >= BAR_TAU
    return (
        f"host ({', '.join(sources) or 'all sources'}) | {len(rows)} networks never measured, {steady['checked']} "
        f"repeat within 5 % | of these {steady['within10']:.1%} within 10 % (bar {BAR_WITHIN10:.0%}), tau "
        f"{tau if tau is not None else float('nan'):.3f} (bar {BAR_TAU}), MAPE {steady['mape']:.1%} | of all: "
        f"{found['within10']:.1%} within 10 %, tau {found['tau'] or float('nan'):.3f} | {'met' if met else 'NOT met'}"
    )


def section(profile: str | None = None, minutes: float = 10.0, threads: int = 1) -> None:
    """Print the row, and every network under it; without the name of a ``profile`` one is measured (or finished)."""
    from predictors.latency import load_profile, save_profile

    if profile is None:
        from nas.profiling_device import profile_device

        found = profile_device("cpu", NAME, minutes=minutes, threads=threads)
        save_profile(found)
    else:
        found = load_profile(profile)
    evidence = found.evidence
    print(f"{found.title}; {evidence['networks']} networks timed, {evidence['measurements']:,} operators")
    print(row(evidence, BAR_SPACES))
    print(row(evidence))
    for r in sorted(evidence["rows"], key=lambda r: -abs(r["predicted_ms"] / r["measured_ms"] - 1)):
        error = r["predicted_ms"] / r["measured_ms"] - 1
        again = "        -" if r["again_ms"] is None else f"{r['again_ms']:9.2f}"
        kept = "repeats" if r["repeats"] else ""
        print(
            f"  {r['name']:45s} {r['predicted_ms']:9.2f} ms, measured {r['first_ms']:9.2f} {again} {error:+7.1%} {kept}"
        )


def main() -> None:
    """Run on its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="name or file of a profile measured here; without it one is measured")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=1)
    section(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
