"""What a report says of a stitching: where it came from, what least squares gave, what the accuracies are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nas.objectives import INHERITED
from nas.runs.run import Run


def title(run: Run) -> str:
    """The anchors."""
    return "Between " + " and ".join(str(run.space.options["anchors"]).split(","))


def facts(run: Run) -> dict[str, str]:
    """Label and text of what a reader needs to trust the figures."""
    from nas.stitching.judging import route_table

    stitching, trained = run.document["stitching"], run.document["supernet"]
    initial = stitching["initial"]
    return {
        "Anchors from": ", ".join(stitching["sources"]),
        "Trained": f"{trained['epochs']} epochs, {_sampler(trained['sampler'])}, {_layers(stitching)}"
        if trained["epochs"] else "not at all: least squares only",
        "Least squares": f"on {initial['fitted_on']} training images; {line_text(initial)}",
        "Residual and accuracy": correlation_text(initial),
        "After training": forecast_text(route_table(run)) if trained["epochs"] else "",
        "Pruned": stitching["saving"],
        "Every route": "routes.csv",
        "Islands": "", "Took": "",  # of searches
    }  # fmt: skip


def line_text(initial: dict[str, Any]) -> str:
    """The best stitch by least squares beside the line from random stitches to the anchors, in a sentence."""
    best = initial["line"]
    where = "above" if best["accuracy"] > best["line"] else "below"
    return (
        f"without training the best stitch (route {best['route']}) has {best['accuracy']:.1%}, {where} the straight "
        f"line from stitches with random layers ({best['random']:.1%}) to the anchors "
        f"({' and '.join(f'{a:.1%}' for a in best['anchors'])}), which is at {best['line']:.1%} there; on "
        f"{initial['images']} held-out images"
    )


def correlation_text(initial: dict[str, Any]) -> str:
    """How well residuals rank the stitches with one end, before training."""
    known = {end: value for end, value in initial["correlations"].items() if value is not None}
    if not known:
        return "no correlation: one of them is the same for all stitches"
    texts = [f"{value:+.2f} over stitches that end in anchor {end}" for end, value in known.items()]
    return f"Spearman {', '.join(texts)}, before training"


def forecast_text(routes: pd.DataFrame) -> str:
    """How well what was known before training ranks the stitches after it; ``routes`` as in ``routes.csv``."""
    known = routes[(routes["type"] != "anchor") & routes["accuracy"].notna()]
    found = {
        name: known[column].corr(known["accuracy"], method="spearman")
        for name, column in (("the residual", "residual"), ("accuracy by least squares", "accuracy_fitted"))
    }
    texts = [f"with {name} {value:+.2f}" for name, value in found.items() if value == value]
    return f"Spearman over {len(known)} stitches, {', '.join(texts) or 'not defined'}; pruning goes by the latter"


def note(run: Run) -> str:
    """What the accuracy of a route is."""
    trained = run.document["supernet"]
    return (
        f"Accuracy of the route, with the weights that all routes share ({trained['epochs']} epochs on "
        f"{trained['data']}), on {trained['validation']} images held out of the training. 'nas build' and "
        "'nas export' give a route with these weights; 'nas evaluate' judges it on the test images."
    )


def anchor_table(run: Run) -> pd.DataFrame:
    """The anchors with their prices and accuracies, in the place of a space's published networks."""
    space: Any = run.space
    accuracies, rows = run.store.scores().set_index("architecture")["value"], []
    for anchor, route in zip(space.anchors, space.routes, strict=False):
        architecture = space.of_route(route)
        known = {"name": anchor.name, INHERITED: accuracies.get(architecture.id)}
        rows.append(known | space.price_architecture(architecture))
    return pd.DataFrame(rows, columns=["name", INHERITED, *space.quantities])


def _sampler(name: str) -> str:
    return {"uniform": "routes drawn uniformly", "ros": "costs drawn equally often (ROS)"}.get(name, name)


def _layers(stitching: dict[str, Any]) -> str:
    layers = f"stitching layers by updates of rank {stitching['rank']}" if stitching["rank"] else "whole layers"
    rate = stitching["anchor_lr"]
    return f"{layers}, anchors {f'at {rate:g} of the learning rate' if rate else 'frozen'}"
