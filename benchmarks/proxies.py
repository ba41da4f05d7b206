"""What the training-free proxies are worth: their rank correlation with real accuracies, beside params and MACs.

    python benchmarks/proxies.py score     # score the networks (an hour or two); continues where it stopped
    python benchmarks/proxies.py time      # processor seconds for ElasticViT subnets of 600 MMACs
    python benchmarks/proxies.py judge     # tables, and predictors/training_free/evidence.json

Reads ViT-Bench, NAS-Bench-201 and Fashion-MNIST from NAS_DATA, and ElasticViT subnets from our space. One torch thread.
Scores are kept in NAS_PROXY_CACHE (default results/proxies).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nasbench201
import numpy as np
import pandas as pd
import proxy_scores as scores
import torch
import vitbench
from correlations import Array, Estimate, kendall, resamples, spearman

from predictors.training_free import DEFAULT_PROXIES, get_proxy, list_proxies, score_architecture
from search_spaces import get_space

EVIDENCE = Path(__file__).parents[1] / "predictors" / "training_free" / "evidence.json"
BASELINES = ("params", "macs")
SPACES = ("autoformer", "pit", "nasbench201")
FEWEST = 30
"""Networks below which a proxy is not judged."""
TASKS = {"autoformer": vitbench.TASKS, "pit": vitbench.TASKS, "nasbench201": nasbench201.TASKS}
PROTOCOLS = {
    "autoformer": "AutoFormer-Ti subnets of ViT-Bench trained one by one for 300 epochs at 224 px; proxies see 8 "
    "random N(0, 1) images and labels at 224 px",
    "pit": "PiT subnets of ViT-Bench, trained and scored as AutoFormer's",
    "nasbench201": f"{scores.CELLS} random cells, test accuracy after 12 epochs; proxies see {scores.IMAGES} training "
    "images of Fashion-MNIST with labels, padded to 3 x 32 x 32 (the accuracies are of other data sets)",
}
_ZERO_COST = "Abdelfattah et al., zero-cost-nas notebook, 15,625 cells, CIFAR-10 after 200 epochs, batch 64"
_NASLIB = "NASLib's files, 500 to 725 cells, CIFAR-10 after 200 epochs"
PUBLISHED = {
    "grad_norm": (0.594, _ZERO_COST), "snip": (0.596, _ZERO_COST), "grasp": (0.514, _ZERO_COST),
    "fisher": (0.360, _ZERO_COST), "synflow": (0.737, _ZERO_COST), "jacob_cov": (0.731, _ZERO_COST),
    "naswot": (0.79, _NASLIB), "plain": (-0.26, _NASLIB), "params": (0.74, _NASLIB), "macs": (0.71, _NASLIB),
}  # fmt: skip
"""Spearman's rho on NAS-Bench-201 as published (CIFAR-10), and by whom."""


def time_elasticvit(names: list[str]) -> None:
    """Processor seconds to build and score subnets of about 600 MMACs, into ``seconds.csv`` of the cache.

    Each proxy alone, all together, and the default; processor time, since other work on the machine moves the wall
    clock. The first, which pays for imports, is not counted.
    """
    space, found = get_space("elasticvit"), []
    jobs = {n: [n] for n in names} | {"default": list(DEFAULT_PROXIES), "all": names}
    for index, (architecture, _) in enumerate(scores.subnets(590e6, 610e6, 3)):
        for job, asked in jobs.items():
            begin = time.process_time()
            score_architecture(space, None, architecture, asked)
            if index:
                found.append({"job": job, "seconds": time.process_time() - begin})
    scores.CACHE.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(found).to_csv(scores.CACHE / "seconds.csv", index=False)


def table(space: str) -> pd.DataFrame | None:
    """The table of trained networks, with columns ``params`` and ``macs``."""
    return nasbench201.table(scores.CELLS) if space == "nasbench201" else vitbench.table(space)


def judge_space(space: str, names: list[str]) -> list[dict[str, Any]]:
    """Records of every score on every task of a space, each on the networks it has been scored on."""
    found = table(space)
    if found is None:
        return []
    tasks = dict(zip(TASKS[space], found[list(TASKS[space])].to_numpy(float).T, strict=True))
    baselines = {b: found[b].to_numpy(float) for b in BASELINES}
    counts, records = resamples(len(found)), []
    for name in [*BASELINES, *(n for n in names if n not in BASELINES)]:
        values = baselines.get(name)
        if values is None:
            values = scores.read(space, name) * (1 if get_proxy(name).direction == "max" else -1)
        scored = np.isfinite(values)
        if scored.sum() < FEWEST:
            print(f"{space}: {name} is scored on {scored.sum()} networks only; left out")
            continue
        seen = {t: np.where(scored, y, np.nan) for t, y in tasks.items()}
        compared = {**baselines, name: values}
        taus = _correlations(kendall, compared, seen, counts)
        rhos = _correlations(spearman, compared, seen, counts[:501]) if space == "nasbench201" else {}
        records += [_record(name, space, t, _size(t, seen, scored), taus[t], rhos.get(t)) for t in taus]
    return records


Correlation = Callable[[Array, Array, Array], Array]
ByScore = dict[str, Array]


def _correlations(correlate: Correlation, values: ByScore, tasks: ByScore, counts: Array) -> dict[str, ByScore]:
    """Per task, and for their mean, each score's correlation on every resample."""
    by_task = {t: {n: correlate(v, y, counts) for n, v in values.items()} for t, y in tasks.items()}
    mean = {n: np.mean([found[n] for found in by_task.values()], axis=0) for n in values}
    return by_task | {f"mean of {len(tasks)} tasks": mean}


def _size(target: str, tasks: ByScore, scored: Array) -> int:
    """Networks behind a record."""
    return int(np.isfinite(tasks[target]).sum() if target in tasks else scored.sum())


def _record(name: str, space: str, target: str, n: int, taus: ByScore, rhos: ByScore | None) -> dict[str, Any]:
    tau, over = taus[name], taus[name] - taus["params"]
    record = {
        "score": name, "space": space, "target": target.removesuffix("_acc"), "n": n, "tau": _interval(tau),
        "over_params": _interval(over), **{f"{b}_tau": round(float(taus[b][0]), 3) for b in BASELINES},
    }  # fmt: skip
    if rhos is None:
        return record
    value, by = PUBLISHED.get(name, (None, "")) if "cifar10_" in target else (None, "")
    beside = {f"{b}_rho": round(float(rhos[b][0]), 3) for b in BASELINES}
    return record | {"spearman": {"rho": _interval(rhos[name]), **beside, "published": value, "published_by": by}}


def _interval(resampled: Array) -> dict[str, float]:
    return asdict(Estimate.of(resampled[0], resampled[1:]))


def judge_elasticvit(names: list[str]) -> dict[str, Any]:
    """Repeatability over two seeds and likeness to the baselines (Kendall's tau), per proxy."""
    priced = pd.DataFrame([prices for _, prices in scores.subnets(*scores.SLICE, scores.REPEATS)])
    one, found = np.ones((1, len(priced))), {}
    for name in names:
        first, second = (scores.read("elasticvit", name, seed) for seed in (0, 1))
        if not np.isfinite(first + second).all():
            continue
        found[name] = {
            "subnets": len(priced), "between_seeds": round(float(kendall(first, second, one)[0]), 3),
            **{f"with_{b}": round(float(kendall(first, priced[b].to_numpy(float), one)[0]), 3) for b in BASELINES},
        }  # fmt: skip
    return found


def seconds() -> dict[str, float]:
    """Median processor seconds by job of :func:`time_elasticvit`."""
    path = scores.CACHE / "seconds.csv"
    if not path.exists():
        return {}
    return {str(k): round(float(v), 2) for k, v in pd.read_csv(path).groupby("job").seconds.median().items()}


def judge(names: list[str]) -> None:
    """Write the evidence file and print its means."""
    records = [r for space in SPACES for r in judge_space(space, names)]
    evidence = {
        "made_by": "benchmarks/proxies.py",
        "protocol": "weights as initialised, one seed, two mini-batches; tau = Kendall's tau-b, rho = Spearman's, with "
        "95 % bootstrap intervals over networks; tables of shared/data",
        "protocols": PROTOCOLS,
        "torch": torch.__version__,
        "cpu_seconds_at_600_mmacs": seconds(),
        "repeatability": judge_elasticvit(names),
        "records": records,
    }
    EVIDENCE.write_text(_dump(evidence))
    for r in records:
        if r["target"].startswith("mean"):
            rho = f"   rho {Estimate(**r['spearman']['rho'])}" if "spearman" in r else ""
            print(f"{r['space']:11s} {r['score']:16s} tau {Estimate(**r['tau'])}   over params "
                  f"{Estimate(**r['over_params'])}{rho}")  # fmt: skip
    print("processor seconds:", evidence["cpu_seconds_at_600_mmacs"])


def _dump(evidence: dict[str, Any]) -> str:
    """Indented JSON with one record a line, so that a change of evidence reads well as a difference."""
    head = json.dumps({k: v for k, v in evidence.items() if k != "records"}, indent=1)[:-2]
    return head + ',\n "records": [\n  ' + ",\n  ".join(json.dumps(r) for r in evidence["records"]) + "\n ]\n}\n"


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
            scores.compute(chosen, proxies)
