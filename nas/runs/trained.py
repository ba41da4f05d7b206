"""What a report says of accuracies that subnets inherit from a trained supernet."""

from __future__ import annotations

import math

import pandas as pd

from nas.engine.recommend import Choice
from nas.objectives import INHERITED
from nas.runs.run import Run


def inherited_note(run: Run) -> str:
    """What an inherited accuracy is, and how it was measured."""
    facts = run.document["supernet"]
    return (
        f"Accuracy with the weights of a supernet trained on {facts['data']} ({facts['sampler']} sampler, "
        f"{facts['epochs']} epochs), on {facts['validation']} images held out of the training; "
        f"{_statistics(facts['calibration'])}. Trained alone, a network does better; what is meaningful is the order."
    )


def _statistics(calibration: dict[str, int]) -> str:
    """How batch statistics were re-estimated; ``images`` is 0 where the networks have none."""
    if not calibration["images"]:
        return "the networks keep no batch statistics, so none were re-estimated"
    return (
        f"before each judgement the batch statistics are reset and re-estimated as the cumulative average over the "
        f"same {calibration['images']} training images (drawn with seed {calibration['seed']}, batches of "
        f"{calibration['batch']}, no augmentation)"
    )


def predictor_note(run: Run) -> str:
    """What the predictor that chose whom to evaluate is worth, in a sentence; empty for a run without one."""
    error = run.document.get("predictor")
    if error is None:
        return ""
    tau = "not defined (one value only)" if error["tau"] is None else f"{error['tau']:.2f}"
    return (
        f"mean absolute error {100 * error['mae']:.2f} points (predicting the mean: {100 * error['mae_of_mean']:.2f}), "
        f"Kendall tau {tau}, on {error['n']} evaluations, each held out of the fit ({error['folds']}-fold "
        "cross-validation)"
    )


def best_inherited(run: Run, front: pd.DataFrame) -> Choice:
    """The highest inherited accuracy of the front, and how many others are within its standard error."""
    order = front[INHERITED].rank(method="first", ascending=False).astype(int) - 1
    best = int(order[order == 0].index[0])
    second = int(order[order == 1].index[0]) if len(front) > 1 else None
    accuracy, images = float(front[INHERITED].iloc[best]), int(run.document["supernet"]["validation"])
    error = math.sqrt(max(accuracy * (1 - accuracy), 1 / images) / images)
    close = int((front[INHERITED] >= accuracy - 2 * error).sum()) - 1
    sure = (
        f"measured on {images} held-out images, standard error {100 * error:.2g} points: {close} other(s) of the front "
        "cannot be told from it (within two standard errors)"
    )
    if not run.is_stitched:
        sure += "; inherited weights rank networks, 'nas finetune' or 'nas train' gives the final accuracy"
    return Choice(best, second, (f"highest inherited accuracy of the front: {100 * accuracy:.2f} %",), sure)
