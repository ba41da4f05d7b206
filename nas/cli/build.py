"""``nas build``: an architecture as a PyTorch module, checked, and saved with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Arch, Json, Seed, Weights

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Write model.json and model.safetensors here.")
]


def command(arch: Arch, weights: Weights = None, out: Out = None, seed: Seed = 0, json: Json = False) -> None:
    """Build the PyTorch module of an architecture and show it stage by stage.

    With --out it is saved as model.json and model.safetensors; nas.load_model(FOLDER) gives the module back.
    Without --weights the weights are fresh, drawn under --seed; of a run of 'nas stitch' they are the trained ones.

    \b
    Examples:
      nas build elasticvit:S1
      nas build results/RUN#0 --out my-model
      nas build results/RUN --weights trained.safetensors --out my-model
      python -c "import nas; model = nas.load_model('my-model')"
    """
    from nas.cli.output import console, emit
    from nas.cli.stages import described, stage_table
    from nas.weights import build_named, input_size, save_model

    space, architecture, model, source = build_named(arch, weights=weights, seed=seed)
    price = space.price_architecture(architecture)
    built = sum(p.numel() for p in model.parameters())
    if built != price["params"]:
        raise RuntimeError(f"the module has {built:,} parameters, its operator table {price['params']:,}: a bug of nas")
    folder = save_model(model, architecture, out) if out else None
    rows = described(space, architecture)
    if json:
        facts = {"name": arch, "id": architecture.id, "space": space.name, "module": type(model).__name__}
        saved = {"weights": source, "out": folder, "input_size": input_size(model)}
        return emit({**facts, **price, **saved, "stages": rows})
    show = console()
    show.print(f"{arch} ({architecture.id})" if architecture.id not in arch else arch)
    show.print(stage_table(rows, price))
    size = " x ".join(map(str, input_size(model)))
    show.print(f"{type(model).__name__}: {built:,} parameters, input {size}, weights: {source}")
    if folder:
        show.print(f"written: {folder}/model.json, {folder}/model.safetensors", soft_wrap=True)
        show.print(f"load it: nas.load_model({str(folder)!r})", soft_wrap=True)
