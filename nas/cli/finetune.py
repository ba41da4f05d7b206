"""``nas finetune``: a saved model trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.options import Json, Out, RayAddress, Seed
from nas.cli.settings import Set
from nas.cli.training import (
    AugmentName,
    Batch,
    Clip,
    Cutmix,
    Data,
    Epochs,
    Gpus,
    Mixup,
    Name,
    Precision,
    Rate,
    Teacher,
    Workers,
)

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Folder of 'nas extract', 'nas train ARCH' or 'nas build --out'.")
]


def command(
    model: Model, data: Data = "digits", epochs: Epochs = None, batch: Batch = 64, lr: Rate = None,
    teacher: Teacher = "", precision: Precision = "float32", clip: Clip = "norm:1.0", augment: AugmentName = "auto",
    mixup: Mixup = 0.0, cutmix: Cutmix = 0.0, set: Set = None, workers: Workers = 1, gpus: Gpus = 0,
    ray_address: RayAddress = None, seed: Seed = 0, out: Out = Path("results"), name: Name = None, json: Json = False,
) -> None:  # fmt: skip
    """Train a saved model further, by default for 5 epochs at a tenth of the usual learning rate.

    Other classes than it knows? Then its classifier begins anew. The result is a saved model again.

    \b
    Examples:
      nas finetune my-model --data digits
      nas finetune my-model --data /data/flowers --epochs 30 --lr 0.0005
    """
    from nas.cli.settings import given
    from nas.cli.training import command_line, conclude, continuable, watching
    from nas.training.api import finetune

    settings = given(
        set, epochs=epochs, batch=batch, lr=lr, teacher=teacher, precision=precision, clip=clip, augment=augment,
        mixup=mixup, cutmix=cutmix, seed=seed,
    )  # fmt: skip
    with watching(json) as watch, continuable(json) as started:
        job = finetune(
            model, data, out=out, name=name, workers=workers, gpus=gpus, ray_address=ray_address, on_start=started,
            on_step=watch, command=command_line(), **settings,
        )  # fmt: skip
    conclude(job, json)
