"""Few-shot calibration on ViT-Bench: 20 labelled networks of a task, Kendall's tau and coverage on the others.

    python benchmarks/calibration.py                     # 20 labels, 40 draws, both spaces (two minutes)
    python benchmarks/calibration.py --labels 50

Beside it, on the same draws: params, and ridges (penalty 1, and chosen by leave-one-out) on ln params, depth, widths,
heads and MLP ratios. No other task's labels are used. Reads the tables of NAS_DATA, so it judges any rows of them.

Two standard errors stand beside a paired difference: over the networks judged on (bootstrap of the unlabelled rows,
predictions held), and over draws (which share rows, so it is the smaller one).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import vitbench
from correlations import Array, kendall, resamples
from sklearn.linear_model import Ridge, RidgeCV

from predictors.accuracy import Calibration, table_features
from search_spaces import trace

COVERAGES = (0.8, 0.9)
RESAMPLES = 200


@dataclass(frozen=True)
class Rows:
    """A space's networks: the baseline's features (n, B), the table's (n, F), ln params (n,), accuracies (T, n)."""

    plain: Array
    tables: Array
    log_params: Array
    tasks: Array


def rows(space: str) -> Rows | None:
    """Everything about the rows of a space's table; None where it is not in NAS_DATA."""
    found = vitbench.table(space)
    if found is None:
        return None
    traced = [trace(vitbench.build(space, row), input_size=(3, 224, 224)) for row in found.itertuples()]
    features = [table_features(table)[0] for table in traced]
    tasks = found[list(vitbench.TASKS)].to_numpy(float).T
    log_params = np.log(found["params"].to_numpy(float))
    return Rows(plain_features(space, found), np.array(features), log_params, tasks)


def plain_features(space: str, table: pd.DataFrame) -> Array:
    """ln params, depth, widths, heads and MLP ratios, straight from the columns."""
    heads = [vitbench.numbers(text) for text in table["num_heads"]]
    ratios = [vitbench.numbers(text) for text in table["mlp_ratio"]]
    log_params = np.log(table["params"].to_numpy(float))
    if space == "autoformer":
        means = [[np.mean(h), np.mean(r)] for h, r in zip(heads, ratios, strict=True)]
        return np.column_stack([log_params, table["depth"], table["hidden_dim"], means])
    depth = [sum(vitbench.numbers(text)) for text in table["depth"]]
    widths = np.array(heads) * table["base_dim"].to_numpy()[:, None]
    return np.column_stack([log_params, depth, widths, heads, np.array(ratios)])


Predict = Callable[[Rows, Array, Array, Array], Array]


def _ridge(penalty: float | None) -> Predict:
    def predict(data: Rows, labelled: Array, y: Array, others: Array) -> Array:
        x = data.plain
        spread = x[labelled].std(0)
        x = (x - x[labelled].mean(0)) / np.where(spread > 0, spread, 1)
        model = RidgeCV(np.logspace(-1, 3, 13)) if penalty is None else Ridge(penalty)
        return np.asarray(model.fit(x[labelled], y).predict(x[others]), dtype=np.float64)

    return predict


def _calibrated(data: Rows, labelled: Array, y: Array, others: Array) -> Array:
    return Calibration.fit(data.tables[labelled], y).predict(data.tables[others]).accuracy


METHODS: dict[str, Predict] = {
    "calibration": _calibrated,
    "ridge, penalty 1": _ridge(1.0),
    "ridge, by LOO": _ridge(None),
    "params": lambda data, labelled, y, others: data.log_params[others],
}


def draws(tasks: Array, labels: int, count: int) -> Iterator[tuple[int, int, Array, Array]]:
    """(draw, task, labelled, others): ``count`` random choices of labelled rows per task."""
    rng = np.random.default_rng(0)
    for draw in range(count):
        for task, accuracies in enumerate(tasks):
            known = rng.permutation(np.flatnonzero(np.isfinite(accuracies)))
            if len(known) > labels + 5:
                yield draw, task, known[:labels], known[labels:]


def taus(data: Rows, labels: int, count: int) -> dict[str, Array]:
    """Per method, tau of each draw (mean over its tasks) on each bootstrap resample of the rows, (draws, R + 1)."""
    counts = resamples(data.tasks.shape[1], RESAMPLES)
    found: dict[str, dict[int, list[Array]]] = {m: {} for m in METHODS}
    for draw, task, labelled, others in draws(data.tasks, labels, count):
        y = data.tasks[task]
        for method, predict in METHODS.items():
            tau = kendall(predict(data, labelled, y[labelled], others), y[others], counts[:, others])
            found[method].setdefault(draw, []).append(np.nan_to_num(tau))
    return {m: np.array([np.mean(by_task, axis=0) for by_task in by_draw.values()]) for m, by_draw in found.items()}


def coverage(data: Rows, labels: int, count: int) -> dict[float, float]:
    """Share of the unlabelled accuracies inside their intervals, by nominal coverage."""
    inside: dict[float, list[float]] = {c: [] for c in COVERAGES}
    for _, task, labelled, others in draws(data.tasks, labels, count):
        y = data.tasks[task]
        fitted = Calibration.fit(data.tables[labelled], y[labelled])
        for nominal in COVERAGES:
            p = fitted.predict(data.tables[others], nominal)
            inside[nominal].append(float(((y[others] >= p.low) & (y[others] <= p.high)).mean()))
    return {nominal: float(np.mean(shares)) for nominal, shares in inside.items()}


def report(space: str, labels: int, count: int) -> None:
    """Print the figures of one space."""
    data = rows(space)
    if data is None:
        print(f"{space}: no table in NAS_DATA; skipped")
        return
    found = taus(data, labels, count)
    if not len(found["calibration"]):
        print(f"{space}: fewer than {labels + 6} rows with accuracies; skipped")
        return
    ours = found["calibration"]
    for method, tau in found.items():
        difference = ours - tau
        over_rows, over_draws = difference.mean(0)[1:].std(), difference[:, 0].std() / np.sqrt(len(difference))
        beside = "" if method == "calibration" else (
            f"   calibration is above by {difference[:, 0].mean():+.3f} +- {over_rows:.3f} over rows, "
            f"+- {over_draws:.3f} over draws"
        )  # fmt: skip
        print(f"{space:11s} {labels} labels, {count} draws   {method:17s} tau {tau[:, 0].mean():.3f}{beside}")
    for nominal, share in coverage(data, labels, count).items():
        print(f"{space:11s} {nominal:.0%} intervals cover {share:.1%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--draws", type=int, default=40)
    arguments = parser.parse_args()
    for each in ("autoformer", "pit"):
        report(each, arguments.labels, arguments.draws)
