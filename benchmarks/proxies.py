"""What the training-free proxies are worth: their rank correlation with real accuracies, beside params and MACs.

    python benchmarks/proxies.py score     # score the networks (minutes); resumes from results/proxies/*.csv
    python benchmarks/proxies.py time      # processor seconds for ElasticViT subnets of 600 MMACs
    python benchmarks/proxies.py judge     # tables, and predictors/training_free/evidence.json

Reads ViT-Bench from NAS_DATA and ElasticViT subnets from our space. One torch thread.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import vitbench
from ranking import Estimate, kendall, mean_kendall, resamples

from predictors.training_free import DEFAULT_PROXIES, get_proxy, list_proxies, score, score_architecture
from predictors.training_free.isolation import seeded
from search_spaces import Architecture, get_space

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "results" / "proxies"
EVIDENCE = ROOT / "predictors" / "training_free" / "evidence.json"
BASELINES = ("params", "macs")
SPACES = ("autoformer", "pit")
REPEATS, SLICE = 16, (300e6, 600e6)
MEAN = "mean of 6 tasks"


def score_vitbench(space: str, names: list[str], seed: int) -> None:
    """Score every network of a ViT-Bench table, a few at a time, into ``results/proxies/<space>.csv``."""
    table = vitbench.table(space)
    if table is None:
        print(f"{space}: no table in NAS_DATA; skipped")
        return
    done = _read(space)
    for index, row in enumerate(table.itertuples()):
        if index < len(done):
            continue
        with seeded(seed, space, index, "weights"):
            model = vitbench.build(space, row)
        outcomes = score(model, names=names, seed=seed, key=f"{space}/{index}")
        done.append({k: o.value for k, o in outcomes.items()})
        if index % 5 == 4 or index == len(table) - 1:
            _write(space, done)
            print(f"{space}: {len(done)}/{len(table)}", flush=True)


def score_elasticvit(names: list[str]) -> None:
    """Score random subnets of a MAC slice under two seeds each, into ``results/proxies/elasticvit.csv``."""
    space, done = get_space("elasticvit"), []
    for architecture, prices in subnets(*SLICE, REPEATS):
        found: dict[str, Any] = dict(prices)
        for seed in (0, 1):
            outcomes = score_architecture(space, None, architecture, names, seed=seed)
            found |= {f"{k}_{seed}": o.value for k, o in outcomes.items()}
        done.append(found)
        _write("elasticvit", done)


def time_elasticvit(names: list[str]) -> None:
    """Processor seconds to build and score subnets of about 600 MMACs, into ``results/proxies/seconds.csv``.

    Each proxy alone, all together, and the two defaults; processor time, since other work on the machine moves the
    wall clock. The first, which pays for imports, is not counted.
    """
    space, found = get_space("elasticvit"), []
    jobs = {n: [n] for n in names} | {"defaults": list(DEFAULT_PROXIES), "all": names}
    for index, (architecture, _) in enumerate(subnets(590e6, 610e6, 4)):
        for job, asked in jobs.items():
            begin = time.process_time()
            score_architecture(space, None, architecture, asked)
            if index:
                found.append({"job": job, "seconds": time.process_time() - begin})
    _write("seconds", found)


def subnets(low: float, high: float, count: int) -> list[tuple[Architecture, dict[str, int]]]:
    """Random ElasticViT subnets whose MACs lie in [low, high], with their MACs and params."""
    space = get_space("elasticvit")
    genomes = space.sample(20_000, np.random.default_rng(1))
    prices = space.price(genomes)
    inside = np.flatnonzero((prices["macs"] >= low) & (prices["macs"] <= high))[:count]
    return [(space.decode(genomes[i]), {q: int(prices[q][i]) for q in BASELINES}) for i in inside]


def judge_space(space: str, names: list[str]) -> list[dict[str, Any]]:
    """Records of every score on every task of a space, with the paired difference to params."""
    table, scores = vitbench.table(space), pd.DataFrame(_read(space))
    if table is None or len(scores) != len(table):
        return []
    counts = resamples(len(table))
    tasks = table[list(vitbench.TASKS)].to_numpy(float).T
    values = {b: table[b].to_numpy(float) for b in BASELINES}
    values |= {n: scores[n].to_numpy(float) * (1 if get_proxy(n).direction == "max" else -1) for n in names}
    records = []
    for target, rows in [*zip(vitbench.TASKS, tasks[:, None], strict=True), (MEAN, tasks)]:
        taus = {name: mean_kendall(x, rows, counts) for name, x in values.items()}
        n = int(np.isfinite(rows).all(0).sum()) if target != MEAN else len(table)
        for name, tau in taus.items():
            records.append(_record(name, space, target.removesuffix("_acc"), n, tau, taus))
    return records


def _record(name: str, space: str, target: str, n: int, tau: Any, taus: dict[str, Any]) -> dict[str, Any]:
    over = tau - taus["params"]
    return {
        "score": name, "space": space, "target": target, "n": n,
        "tau": asdict(Estimate.of(tau[0], tau[1:])),
        "over_params": asdict(Estimate.of(over[0], over[1:])),
        "params_tau": round(float(taus["params"][0]), 3), "macs_tau": round(float(taus["macs"][0]), 3),
    }  # fmt: skip


def judge_elasticvit(names: list[str]) -> dict[str, Any]:
    """Repeatability over two seeds and likeness to the baselines (Kendall's tau), per proxy."""
    d = pd.DataFrame(_read("elasticvit"))
    if d.empty:
        return {}
    one = np.ones((1, len(d)))
    return {
        name: {
            "subnets": len(d),
            "between_seeds": round(float(kendall(*(d[f"{name}_{s}"].to_numpy(float) for s in (0, 1)), one)[0]), 3),
            **{f"with_{b}": round(float(kendall(d[f"{name}_0"].to_numpy(float), d[b].to_numpy(float), one)[0]), 3)
               for b in BASELINES},
        }
        for name in names
    }  # fmt: skip


def seconds() -> dict[str, float]:
    """Median processor seconds by job of :func:`time_elasticvit`."""
    d = pd.DataFrame(_read("seconds"))
    return {} if d.empty else {str(k): round(float(v), 2) for k, v in d.groupby("job").seconds.median().items()}


def judge(names: list[str]) -> None:
    """Write the evidence file and print its means."""
    records = [r for space in SPACES for r in judge_space(space, names)]
    evidence = {
        "made_by": "benchmarks/proxies.py",
        "protocol": "weights as initialised, 8 random N(0,1) images (2 mini-batches of 4), random labels, one seed; "
        "tau = Kendall's tau-b with 95 % bootstrap interval over networks; ViT-Bench rows of shared/data",
        "torch": torch.__version__,
        "cpu_seconds_at_600_mmacs": seconds(),
        "repeatability": judge_elasticvit(names),
        "records": records,
    }
    EVIDENCE.write_text(_dump(evidence))
    for r in records:
        if r["target"] == MEAN:
            t, d = r["tau"], r["over_params"]
            print(f"{r['space']:11s} {r['score']:16s} tau {t['value']:+.3f} [{t['low']:+.3f}, {t['high']:+.3f}]   "
                  f"over params {d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]")  # fmt: skip
    for name, r in evidence["repeatability"].items():  # type: ignore[attr-defined]
        print(f"elasticvit  {name:16s}", r)
    print("processor seconds:", evidence["cpu_seconds_at_600_mmacs"])


def _dump(evidence: dict[str, Any]) -> str:
    """Indented JSON with one record a line, so that a change of evidence reads well as a difference."""
    head = json.dumps({k: v for k, v in evidence.items() if k != "records"}, indent=1)[:-2]
    return head + ',\n "records": [\n  ' + ",\n  ".join(json.dumps(r) for r in evidence["records"]) + "\n ]\n}\n"


def _read(space: str) -> list[dict[str, Any]]:
    path = SCORES / f"{space}.csv"
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def _write(space: str, rows: list[dict[str, Any]]) -> None:
    SCORES.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(SCORES / f"{space}.csv", index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("score", "time", "judge"))
    parser.add_argument("--space", action="append", choices=(*SPACES, "elasticvit"))
    parser.add_argument("--proxy", action="append", choices=list_proxies())
    arguments = parser.parse_args()
    proxies = arguments.proxy or list_proxies()
    if arguments.what == "judge":
        judge(proxies)
    elif arguments.what == "time":
        time_elasticvit(proxies)
    else:
        for chosen in arguments.space or (*SPACES, "elasticvit"):
            if chosen == "elasticvit":
                score_elasticvit(proxies)
            else:
                score_vitbench(chosen, proxies, seed=0)
