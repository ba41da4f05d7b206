"""How the default score was chosen, and what it reaches on ViT-Bench: Kendall's tau with intervals, beside params.

    python benchmarks/default_score.py

Candidates: every proxy that has been scored (``benchmarks/proxies.py score``), mean ranks of two or three of them, and
products width x depth^a, exact or rounded. The choice is judged by nested cross-validation: chosen on some rows, data
sets or spaces, judged on the others. Reads the tables of NAS_DATA, so the last part judges the default on any rows.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pandas as pd
import proxy_scores as scores
import vitbench
from correlations import Array, Estimate, kendall, mean_kendall, resamples
from scipy.stats import rankdata

from predictors.training_free import get_proxy, list_proxies
from predictors.training_free.aggregate import depth_width_score, log_depth, log_width
from search_spaces import trace
from search_spaces.operators import OperatorTable

SPACES = ("autoformer", "pit")
EXPONENTS, RESOLUTIONS = (0.5, 1.0, 1.5, 2.0), (0.0, 0.05, 0.1, 0.15)
AGGREGATED = ("depth_width exact", "params", "macs", "synflow", "az_expressivity", "naswot", "zico")
HALVES = 200
DATA_SETS = (("c100", (0, 1)), ("flower", (2, 3)), ("chaoyang", (4, 5)))

Candidates = dict[str, Array]


def _rows(space: str) -> pd.DataFrame:
    found = vitbench.table(space)
    if found is None:
        raise SystemExit("ViT-Bench is not in NAS_DATA")
    return found


def tables(space: str) -> list[OperatorTable]:
    """The operator table of each row."""
    found = _rows(space)
    return [trace(vitbench.build(space, row), input_size=(3, 224, 224)) for row in found.itertuples()]


def candidates(space: str, traced: list[OperatorTable]) -> Candidates:
    """Name -> score of each row, higher is better."""
    depth, width = (np.array([f(t)[0] for t in traced]) for f in (log_depth, log_width))
    found = {
        "params": np.log([t.params[0] for t in traced]), "macs": np.log([t.macs[0] for t in traced]),
        "depth_width exact": np.array([depth_width_score(t, resolution=0)[0] for t in traced]),
    }  # fmt: skip
    for name in list_proxies():
        column = scores.read(space, name)
        if name not in found and np.isfinite(column).all():
            found[name] = column * (1 if get_proxy(name).direction == "max" else -1)
    usable = [n for n in AGGREGATED if n in found]
    for names in (*combinations(usable, 2), *combinations(usable, 3)):
        found["mean rank of " + ", ".join(names)] = np.sum([rankdata(found[n]) for n in names], axis=0)
    for a, r in product(EXPONENTS, RESOLUTIONS):
        exact = width + a * depth
        found[f"width x depth^{a:g}, {f'to {r:.0%}' if r else 'exact'}"] = np.round(exact / r) if r else exact
    return found


class Data:
    """Candidates and accuracies of both spaces; only candidates that both have."""

    def __init__(self) -> None:
        made = {s: candidates(s, tables(s)) for s in SPACES}
        self.names = [n for n in made[SPACES[0]] if all(n in made[s] for s in SPACES)]
        self.scores = {s: [made[s][n] for n in self.names] for s in SPACES}
        self.tasks = {s: _rows(s)[list(vitbench.TASKS)].to_numpy(float).T for s in SPACES}

    def taus(self, space: str, counts: Array) -> Array:
        """Tau of every candidate on every task and resample, (candidates, T, R)."""
        return np.array([[kendall(x, y, counts) for y in self.tasks[space]] for x in self.scores[space]])


def nested(data: Data) -> None:
    """Print what choosing on one part reaches on the other."""
    params = data.names.index("params")
    whole = {s: data.taus(s, np.ones((1, data.tasks[s].shape[1])))[:, :, 0] for s in SPACES}
    for chosen_on, judged_on in (SPACES, SPACES[::-1]):
        best = int(np.argmax(whole[chosen_on].mean(1)))
        tau, base = (whole[judged_on][i].mean() for i in (best, params))
        print(f"chosen on {chosen_on}, judged on {judged_on}: {data.names[best]}: {tau:.3f} (params {base:.3f})")
    for left_out, judged in DATA_SETS:
        kept = [t for t in range(len(vitbench.TASKS)) if t not in judged]
        best = int(np.argmax(sum(whole[s][:, kept].mean(1) for s in SPACES)))
        taus = {s: whole[s][:, judged].mean(1) for s in SPACES}
        texts = [f"{s} {tau[best]:.3f} (params {tau[params]:.3f})" for s, tau in taus.items()]
        print(f"chosen without {left_out}, judged on it: {data.names[best]}: {', '.join(texts)}")
    _halves(data, params)


def _halves(data: Data, params: int) -> None:
    rng = np.random.default_rng(0)
    sizes = {s: data.tasks[s].shape[1] for s in SPACES}
    masks = {s: np.array([rng.permutation(np.arange(n) % 2) for _ in range(HALVES)]) for s, n in sizes.items()}
    seen = {s: data.taus(s, masks[s].astype(float)).mean(1) for s in SPACES}
    unseen = {s: data.taus(s, 1.0 - masks[s]).mean(1) for s in SPACES}
    best = np.argmax(sum(seen.values()), axis=0)
    for space in SPACES:
        tau = unseen[space][best, np.arange(HALVES)].mean()
        print(f"chosen on half of the rows, judged on the other half: {space} {tau:.3f} "
              f"(params {unseen[space][params].mean():.3f})")  # fmt: skip
    families = Counter(data.names[i].split(",")[0] for i in best)
    print("chosen most often:", ", ".join(f"{n} ({c} of {HALVES})" for n, c in families.most_common(4)))


def final(space: str) -> None:
    """Print what the default reaches on the rows at hand, and by how much it is above params."""
    traced, found = tables(space), _rows(space)
    tasks, counts = found[list(vitbench.TASKS)].to_numpy(float).T, resamples(len(traced))
    rounded, exact = (np.array([depth_width_score(t, **o)[0] for t in traced]) for o in ({}, {"resolution": 0.0}))
    params = mean_kendall(found["params"].to_numpy(float), tasks, counts)
    for name, x in (("default", rounded), ("default, unrounded", exact)):
        tau = mean_kendall(x, tasks, counts)
        over = tau - params
        print(f"{space:11s} {name:19s} tau {Estimate.of(tau[0], tau[1:])}   params {params[0]:.3f}   above params by "
              f"{over[0]:+.3f}, standard error {over[1:].std():.3f}")  # fmt: skip


def leaderboard(data: Data, count: int = 12) -> None:
    """Print the best candidates on all rows (in sample)."""
    means = {s: data.taus(s, np.ones((1, data.tasks[s].shape[1]))).mean((1, 2)) for s in SPACES}
    for i in np.argsort(-sum(means.values()))[:count]:
        print("  ", *(f"{means[s][i]:.3f}" for s in SPACES), data.names[i])


if __name__ == "__main__":
    both = Data()
    print(f"{len(both.names)} candidates; the best on all rows (autoformer, pit):")
    leaderboard(both)
    nested(both)
    for each in SPACES:
        final(each)
