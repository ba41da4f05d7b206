"""``nas train``: a supernet of a whole space, or one architecture from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli.options import Family, ImgSize, Json, Option, Out, RayAddress, Seed, space_options
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

Arch = Annotated[
    str | None,
    typer.Argument(metavar="ARCH", help="Train this one: SPACE:NAME (or :smallest, :largest), RUN#INDEX or FILE.json."),
]
Space = Annotated[str | None, typer.Option("--space", metavar="NAME", help="Train this whole space as a supernet.")]
Sampler = Annotated[
    str,
    typer.Option("--sampler", metavar="NAME", help="uniform, sandwich, elasticvit, multi-arch, sorted, soft or ros."),
]


def command(
    arch: Arch = None, space: Space = None, data: Data = "digits", sampler: Sampler = "uniform", epochs: Epochs = None,
    batch: Batch = 64, lr: Rate = None, teacher: Teacher = "", precision: Precision = "float32",
    clip: Clip = "norm:1.0", augment: AugmentName = "auto", mixup: Mixup = 0.0, cutmix: Cutmix = 0.0,
    set: Set = None, img_size: ImgSize = None, family: Family = None, option: Option = None, workers: Workers = 1,
    gpus: Gpus = 0, ray_address: RayAddress = None, seed: Seed = 0, out: Out = Path("results"), name: Name = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Train a whole search space at once (--space), or one architecture from scratch (ARCH).

    A supernet shares its weights among all subnets of the space; the sampler says which of them a step trains, and
    against which target. A tenth of the training images is held out for searches. Interrupted? 'nas resume OUT/NAME'
    continues from the last checkpoint, with the same loss curve.

    A network of your own becomes a space of nested sub-models: --space sorted_net --option model=mynets:make_net, where
    mynets.py lies in the current directory (or is installed) and make_net returns a module of standard layers for
    images of the data's size (it is given num_classes, in_chans and img_size where it takes them).

    \b
    Samplers:
      uniform      one random subnet a step
      sandwich     the largest, the smallest and two random ones, which learn from the largest
      elasticvit   conflict-aware: one level of complexity a step, wide before deep, good subnets more often
      multi-arch   four in one pass, choices opening up from the largest; channels sorted (ViT-ResNAS)
      sorted       nested sub-models with gradient accumulation (SortedNet)
      soft         every depth of the largest network in every step (SoFT)
      ros          one subnet a step, every level of cost equally often (SN-Net v2)

    \b
    Examples:
      nas train --space elasticvit-small --data digits
      nas train --space elasticvit-small --data fashion_mnist.npz --sampler sandwich --epochs 30
      nas train --space elasticvit --data DATA --sampler elasticvit --teacher timm:resnet50 --workers 8 --gpus 8
      nas train --space sorted_net --option model=mynets:make_net --sampler sorted --data digits
      nas train elasticvit-small:smallest --data digits
      nas train results/RUN#0 --data /data/flowers --epochs 100
    """
    from nas.cli.settings import given
    from nas.cli.training import command_line, conclude, continuable, watching
    from nas.errors import NasError
    from nas.training import api

    if (arch is None) == (space is None):
        raise NasError("say what to train: either ARCH (one network) or --space NAME (a supernet of the whole space)")
    settings = given(
        set, epochs=epochs, batch=batch, lr=lr, teacher=teacher, precision=precision, clip=clip, augment=augment,
        mixup=mixup, cutmix=cutmix, seed=seed,
    )  # fmt: skip
    if arch is not None and (img_size or family or option or sampler != "uniform"):
        raise NasError("--sampler and the options of a space go with --space; ARCH is one network and has its own")
    with watching(json) as watch, continuable(json) as started:
        common: dict[str, Any] = {
            "out": out, "name": name, "workers": workers, "gpus": gpus, "ray_address": ray_address,
            "on_start": started, "on_step": watch, "command": command_line(),
        }  # fmt: skip
        if space is not None:
            options = space_options(None, img_size, None, family, option)
            job = api.train_supernet(space, data, space_options=options, sampler=sampler, **common, **settings)
        else:
            job = api.train(str(arch), data, **common, **settings)
    conclude(job, json)
