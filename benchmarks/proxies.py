"""What the training-free proxies are worth: their rank correlation with real accuracies, beside params and MACs.

    python benchmarks/proxies.py score     # score the networks (minutes); resumes from results/proxies/*.csv
    python benchmarks/proxies.py judge     # tables, and predictors/training_free/evidence.json

Reads ViT-Bench from NAS_DATA and ElasticViT subnets from our space. One torch thread.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import vitbench
from ranking import Estimate, kendall, mean_kendall, resamples

from predictors.training_free import get_proxy, list_proxies, score, score_architecture
from predictors.training_free.isolation import seeded
from search_spaces import get_space

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
        done.append({k: o.value for k, o in outcomes.items()} | {f"{k}_s": o.seconds for k, o in outcomes.items()})
        if index % 5 == 4 or index == len(table) - 1:
            _write(space, done)
            print(f"{space}: {len(done)}/{len(table)}", flush=True)


def score_elasticvit(names: list[str]) -> None:
    """Score random subnets of a MAC slice under two seeds each, into ``results/proxies/elasticvit.csv``."""
    space, done = get_space("elasticvit"), []
    genomes = space.sample(5000, np.random.default_rng(1))
    prices = space.price(genomes)
    inside = np.flatnonzero((prices["macs"] >= SLICE[0]) & (prices["macs"] <= SLICE[1]))[:REPEATS]
    for i in inside:
        found: dict[str, Any] = {q: int(prices[q][i]) for q in BASELINES}
        for seed in (0, 1):
            outcomes = score_architecture(space, None, space.decode(genomes[i]), names, seed=seed)
            found |= {f"{k}_{seed}": o.value for k, o in outcomes.items()}
            found |= {f"{k}_s": o.seconds for k, o in outcomes.items()}
        done.append(found)
        _write("elasticvit", done)


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


def judge(names: list[str]) -> None:
    """Write the evidence file and print its means."""
    records = [r for space in SPACES for r in judge_space(space, names)]
    evidence = {
        "made_by": "benchmarks/proxies.py",
        "protocol": "weights as initialised, 8 random N(0,1) images (2 mini-batches of 4), random labels, one seed; "
        "tau = Kendall's tau-b with 95 % bootstrap interval over networks; ViT-Bench rows of shared/data",
        "torch": torch.__version__,
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
    parser.add_argument("what", choices=("score", "judge"))
    parser.add_argument("--space", action="append", choices=(*SPACES, "elasticvit"))
    parser.add_argument("--proxy", action="append", choices=list_proxies())
    arguments = parser.parse_args()
    proxies = arguments.proxy or list_proxies()
    if arguments.what == "judge":
        judge(proxies)
    else:
        for chosen in arguments.space or (*SPACES, "elasticvit"):
            score_elasticvit(proxies) if chosen == "elasticvit" else score_vitbench(chosen, proxies, 0)
