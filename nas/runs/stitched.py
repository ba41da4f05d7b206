"""What a report says of a stitching: where it came from, what least squares gave, what the accuracies are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nas.runs.run import Run

KIND = "stitch"


def is_stitched(run: Run) -> bool:
    """Whether the run is one of ``nas stitch``."""
    return run.document.get("kind") == KIND


def title(run: Run) -> str:
    """The anchors."""
    return "Between " + " and ".join(str(run.space.options["anchors"]).split(","))


def facts(run: Run) -> dict[str, str]:
    """Label and text of what a reader needs to trust the figures."""
    stitching, trained = run.document["stitching"], run.document["supernet"]
    initial = stitching["initial"]
    return {
        "Anchors from": ", ".join(stitching["sources"]),
        "Trained": f"{trained['epochs']} epochs, {_sampler(trained['sampler'])}, {_layers(stitching)}"
        if trained["epochs"] else "not at all: least squares only",
        "Least squares": f"on {initial['fitted_on']} training images; {line_text(initial)}",
        "Residual and accuracy": correlation_text(initial),
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


def note(run: Run) -> str:
    """What the accuracy of a route is."""
    trained = run.document["supernet"]
    return (
        f"Accuracy of the route, with the weights that all routes share ({trained['epochs']} epochs on "
        f"{trained['data']}), on {trained['validation']} images held out of the training. 'nas extract' writes a route "
        "with its weights; 'nas evaluate' judges it on the test images."
    )


def code(run: Run, index: int) -> str:
    """How to get a route of the front with its weights."""
    extract = f'nas.extract("{run.path}/supernet", "{run.path}#{index}", "my-model")'
    return f'import nas\n\n{extract}\nmodel = nas.load_model("my-model")'


def anchor_table(run: Run) -> pd.DataFrame:
    """The anchors with their prices, in the place of a space's published networks."""
    space: Any = run.space
    rows = [
        {"name": anchor.name} | space.price_architecture(space.of_route(space.routes[n]))
        for n, anchor in enumerate(space.anchors)
    ]
    return pd.DataFrame(rows, columns=["name", *space.quantities])


def _sampler(name: str) -> str:
    return {"uniform": "routes drawn uniformly", "ros": "costs drawn equally often (ROS)"}.get(name, name)


def _layers(stitching: dict[str, Any]) -> str:
    layers = f"stitching layers by updates of rank {stitching['rank']}" if stitching["rank"] else "whole layers"
    rate = stitching["anchor_lr"]
    return f"{layers}, anchors {f'at {rate:g} of the learning rate' if rate else 'frozen'}"
