"""What a report says of accuracies that subnets inherit from a trained supernet."""

from __future__ import annotations

import math

import pandas as pd

from nas.engine.recommend import Choice
from nas.objectives import INHERITED
from nas.runs.run import Run
from nas.runs.stitched import is_stitched


def inherited_note(run: Run) -> str:
    """What an inherited accuracy is, and how it was measured."""
    facts = run.document["supernet"]
    return (
        f"Accuracy with the weights of a supernet trained on {facts['data']} ({facts['sampler']} sampler, "
        f"{facts['epochs']} epochs), on {facts['validation']} images held out of the training, batch statistics "
        f"re-estimated on {facts['calibration']} training images. Trained alone, a network does better; what is "
        "meaningful is the order."
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
    if not is_stitched(run):
        sure += "; inherited weights rank networks, 'nas finetune' or 'nas train' gives the final accuracy"
    return Choice(best, second, (f"highest inherited accuracy of the front: {100 * accuracy:.2f} %",), sure)
