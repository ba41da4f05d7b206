"""``nas extract``: a subnet out of a supernet, with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json

Supernet = Annotated[Path, typer.Argument(metavar="SUPERNET", help="Folder of 'nas train --space'.")]
Arch = Annotated[
    str, typer.Argument(metavar="ARCH", help="smallest, largest, SPACE:NAME, RUN, RUN#INDEX or FILE.json.")
]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Write model.json and model.safetensors here.")]


def command(supernet: Supernet, arch: Arch, out: Out, json: Json = False) -> None:
    """Write a subnet as a plain, timm-shaped model with the weights it inherits, its batch statistics re-estimated.

    The folder is a saved model: 'nas finetune', 'nas export' and nas.load_model take it.

    \b
    Examples:
      nas extract results/SUPERNET results/RUN#0 --out my-model
      nas finetune my-model --data digits
    """
    import json as json_format

    from nas.cli.output import console, emit
    from nas.training.api import extract

    folder = extract(supernet, arch, out)
    document = json_format.loads((folder / "model.json").read_text())
    if json:
        return emit({"out": folder, **document})
    trained, show = document["trained"], console()
    for part, accuracy in trained["accuracy"].items():
        show.print(f"{part} accuracy {accuracy:.2%}")
    show.print(f"{document['params']:,} parameters, batch statistics {trained['batch_statistics']}")
    show.print(f"written: {folder}/model.json, {folder}/model.safetensors", soft_wrap=True)
    show.print(f"next:  nas finetune {folder} --data {trained['data']}", soft_wrap=True)
