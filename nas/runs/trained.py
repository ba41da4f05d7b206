"""What a report says of accuracies that subnets inherit from a trained supernet."""

from __future__ import annotations

import math
import shlex

import pandas as pd

from nas.engine.recommend import Choice
from nas.objectives import INHERITED
from nas.runs.run import Run

HARDLY = 0.9
"""Of the error of guessing the mean: a predictor above this share of it has learnt next to nothing."""
SAMPLERS = {
    "uniform": "a random subnet in every step",
    "sandwich": "the largest, the smallest and two random subnets in every step",
    "elasticvit": "subnets of one level of cost in every step, good ones more often",
    "multi-arch": "several subnets in one pass, the choices opening up from the largest",
    "sorted": "nested sub-models, their gradients added up",
    "soft": "every depth of the largest network in every step",
    "ros": "a subnet in every step, every level of cost equally often",
}


def inherited_note(run: Run) -> str:
    """What an inherited accuracy is, and how it was measured."""
    facts = run.document["supernet"]
    return (
        f"Accuracy with the weights of a supernet trained on {facts['data']} ({facts['sampler']} sampler, "
        f"{facts['epochs']} epochs), on {facts['validation']} images held out of the training; "
        f"{_statistics(facts['calibration'])}. Trained alone, a network does better; what is meaningful is the order."
    )


def trained_facts(run: Run) -> dict[str, str]:
    """Label and text of how the supernet of a search was trained, and how its subnets are judged."""
    trained = run.document["supernet"]
    sampler, epochs = trained["sampler"], trained["epochs"]
    known = f": {SAMPLERS[sampler]}" if sampler in SAMPLERS else ""
    return {
        "Supernet": str(trained["path"]),
        "Trained": f"{epochs} {'epoch' if epochs == 1 else 'epochs'} on {trained['data']}; sampler {sampler}{known}",
        "Subnets judged": f"with the weights they inherit, by their accuracy on {trained['validation']} images held "
        f"out of the training; {_statistics(trained['calibration'])}",
        "Took": f"{run.store.history()['elapsed_s'].max():.0f} s",
        "Islands": "", "Workers": "",  # of other searches
    }  # fmt: skip


def evaluated(run: Run) -> pd.DataFrame | None:
    """Every architecture whose inherited accuracy was measured; None for a run without a supernet."""
    from nas.runs.finish import judged

    if INHERITED not in run.spec.judges:
        return None
    found = judged(run).drop(columns="genome")
    return found[found[INHERITED].notna()].reset_index(drop=True)


def building(run: Run, index: int) -> str:
    """Python that builds a row of the front: with the weights that it was judged with, where a supernet has them."""
    fresh = f'nas.create_model("{run.path}", index={index})'
    if "supernet" not in run.document or run.is_stitched:
        return f"import nas\n\nmodel = {fresh}"
    supernet, row = str(run.document["supernet"]["path"]), f"{run.path}#{index}"
    return (
        f'import nas\n\n# With the weights it was judged with:\nnas.extract("{supernet}", "{row}", "my-model")\n'
        f'model = nas.load_model("my-model")\n\n# The same in a terminal:\n'
        f"# nas extract {shlex.quote(supernet)} {shlex.quote(row)} --out my-model\n\n# With fresh weights:\n# {fresh}"
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
    tau = "not defined (one value only)" if error["tau"] is None else f"{error['tau']:.2f} (1: the same order, 0: none)"
    return (
        f"mean absolute error {100 * error['mae']:.2f} points (predicting the mean: {100 * error['mae_of_mean']:.2f}), "
        f"Kendall tau {tau}, on {error['n']} evaluations, each held out of the fit ({error['folds']}-fold "
        f"cross-validation); {_worth(error['mae'], error['mae_of_mean'])}. It only chose which subnets to evaluate: "
        "every accuracy shown is measured"
    )


def _worth(error: float, of_mean: float) -> str:
    """A predictor's held-out error in words."""
    if error < HARDLY * of_mean:
        return f"for a subnet it has not seen it is {1 - error / of_mean:.0%} closer than guessing the mean accuracy"
    word = "hardly better" if error < of_mean else "no better"
    return f"for a subnet it has not seen it is {word} than guessing the mean accuracy, so it was of little use"


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
