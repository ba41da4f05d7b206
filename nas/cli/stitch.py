"""``nas stitch``: a whole front between pretrained networks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import ImgSize, Json, Out, RayAddress, Seed, space_options
from nas.cli.training import EVERY_S, AugmentName, Batch, Clip, Data, Epochs, Gpus, Precision, Rate, Teacher, Workers

if TYPE_CHECKING:
    from nas.engine.driver import Update
    from nas.stitching.initial import Initial
    from nas.stitching.pruning import Saving
    from search_spaces.stitching import Stitching

Anchors = Annotated[
    str, typer.Option("--anchors", metavar="NAME,NAME", help="timm models to stitch, from the smallest to the largest.")
]
TwoWay = Annotated[
    bool, typer.Option("--two-way", help="Routes in both directions with one or two stitches (SN-Net v2; plain ViTs).")
]
Rank = Annotated[
    int, typer.Option("--rank", metavar="N", help="Train stitching layers by updates of this rank; 0: whole.")
]
Sampler = Annotated[
    str,
    typer.Option("--sampler", metavar="NAME", help="routes: uniformly; ros: every level of cost equally often."),
]
Distillation = Annotated[
    str, typer.Option("--distillation", metavar="KIND", help="Half of the loss with --teacher: soft or hard.")
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", metavar="X", help="Of the teacher's soft probabilities; default 1.")
]
Freeze = Annotated[bool, typer.Option("--freeze-anchors", help="Train the stitching layers only.")]
AnchorRate = Annotated[
    float, typer.Option("--anchor-lr", metavar="X", help="Learning rate of the anchors, relative to the stitches'.")
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Leave out routes that another beats in cost and accuracy by least squares.")
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--anchor-weights", metavar="PATH,PATH",
        help="Weights of each anchor: a file, or a folder of 'nas train' or 'nas extract'. Default: timm's hub.",
    ),
]  # fmt: skip
Random = Annotated[bool, typer.Option("--random-anchors", help="Fresh weights, for a dry run.")]
NumImages = Annotated[int, typer.Option("--num-images", metavar="N", help="Training images for least squares.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: space and time.")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="kernel, stride (sliding windows) or released; repeatable."),
]
ROWS = 8
"""Rows of the front before training that are printed."""


def command(
    anchors: Anchors, data: Data = "digits", two_way: TwoWay = False, rank: Rank = 0, epochs: Epochs = None,
    sampler: Sampler = "routes", teacher: Teacher = "", distillation: Distillation = "soft",
    temperature: Temperature = None, batch: Batch = 64,
    lr: Rate = None, freeze_anchors: Freeze = False, anchor_lr: AnchorRate = 0.1, prune: Prune = False,
    anchor_weights: Weights = None, random_anchors: Random = False, num_images: NumImages = 256,
    img_size: ImgSize = None, option: Option = None, precision: Precision = "float32", clip: Clip = "norm:1.0",
    augment: AugmentName = "auto", workers: Workers = 1, gpus: Gpus = 0, ray_address: RayAddress = None, seed: Seed = 0,
    out: Out = Path("results"), name: Name = None, json: Json = False,
) -> None:  # fmt: skip
    """Stitch pretrained networks: every route between them in one net, switched at run time.

    Says at once what routes there are and what they cost. Then fits the stitching layers by least squares on a few
    hundred images, trains all routes together (--epochs 0: not at all; default 10), judges every one on held-out
    images, and writes a run like any other: report.html, front.csv, architectures/*.json, and routes.csv with every
    route. Interrupted? 'nas resume OUT/NAME' continues.

    \b
    Examples:
      nas stitch --anchors deit_tiny_patch16_224,deit_small_patch16_224 --data /data/imagenet
      nas stitch --anchors deit3_small_patch16_224,deit3_large_patch16_224 --data DATA --two-way --rank 64 --sampler ros
      nas stitch --anchors resnet18,resnet50 --anchor-weights small.pth,large.safetensors --data DATA --epochs 0
      nas stitch --anchors "vit_tiny_patch16_224?patch_size=2&depth=4,vit_small_patch16_224?patch_size=2&depth=4" \\
                 --random-anchors --data digits --epochs 1

    Names are timm's, with options where wanted (the last example; quote the '?'). Pretrained weights come from timm's
    hub; where its classifier is for other classes than the data's, a new one is trained. 'nas price --space stitching
    --anchors ...' lists every route without data.
    """
    from nas.cli.settings import given
    from nas.cli.training import command_line, watching
    from nas.stitching.api import stitch

    settings = given(
        epochs=epochs, batch=batch, lr=lr, teacher=teacher, temperature=temperature, precision=precision, clip=clip,
        augment=augment, seed=seed,
    )  # fmt: skip
    say = _Says(json)
    with watching(json) as watch, _continuable() as started:
        run = stitch(
            anchors, data, two_way=two_way, rank=rank, sampler=sampler, distillation=distillation,
            anchor_lr=0.0 if freeze_anchors else anchor_lr, prune=prune,
            anchor_weights=anchor_weights.split(",") if anchor_weights else None, random_anchors=random_anchors,
            num_images=num_images, img_size=img_size, space_options=space_options(None, None, None, None, option),
            workers=workers, gpus=gpus, ray_address=ray_address, out=out, name=name, on_space=say.space,
            on_route=say.before, on_initial=say.initial, on_start=started, on_step=watch, on_update=say.after,
            command=command_line(), **settings,
        )  # fmt: skip
    _conclude(run, json)


def proceed(folder: Path, workers: int | None, ray_address: str | None, as_json: bool) -> None:
    """Continue an interrupted stitching."""
    from nas.api import load_run
    from nas.cli.training import watching
    from nas.stitching.api import complete

    run = load_run(folder)
    if run.status != "done":
        with watching(as_json) as watch, _continuable() as started:
            started(run)
            complete(
                run, workers=workers or None, ray_address=ray_address, on_step=watch, on_update=_Says(as_json).after
            )
    _conclude(run, as_json)


def _continuable() -> Any:
    from nas.cli.search import resumable

    return resumable()


def _conclude(run: Any, as_json: bool) -> None:
    from nas.cli.output import emit
    from nas.cli.search import conclude

    if not as_json:
        return conclude(run, False)
    from nas.cli.outcome import document
    from nas.stitching.judging import route_table

    emit(document(run) | {"stitching": run.document["stitching"], "routes": route_table(run).to_dict("records")})


class _Says:
    """What is said before and after the training."""

    def __init__(self, stderr: bool) -> None:
        self._stderr, self._told = stderr, time.monotonic()

    def _print(self, what: Any) -> None:
        from nas.cli.output import console

        console(self._stderr).print(what, soft_wrap=isinstance(what, str))

    def _now_and_then(self, line: str) -> None:
        if time.monotonic() - self._told > EVERY_S:
            self._told = time.monotonic()
            self._print(line)

    def before(self, done: int, total: int) -> None:
        """Routes are judged, with random layers and by least squares."""
        self._now_and_then(f"before training: {done} of {total} routes judged")

    def after(self, update: Update) -> None:
        """Routes are judged, for good."""
        self._now_and_then(f"{update.progress.scored} of {update.to_score} routes judged")

    def space(self, space: Stitching) -> None:
        """The routes and what they cost, from the operator table alone."""
        from nas.cli.output import quantity, table
        from search_spaces.stitching.listing import listing

        rows = sorted((r for r in listing(space) if r["used"]), key=lambda r: (r["macs"], r["params"]))
        costs = len({r["macs"] for r in rows})
        self._print(f"{len(rows)} routes through {' and '.join(a.name for a in space.anchors)}, {costs} costs:")
        texts = [
            [str(r["id"]), r["type"], " to ".join(map(str, r["path"])), str(r["stitches"] or ""),
             quantity("macs", r["macs"]), quantity("params", r["params"])]
            for r in (rows[i] for i in sorted({round(i * (len(rows) - 1) / (ROWS - 1)) for i in range(ROWS)}))
        ]  # fmt: skip
        columns = ("route", "type", "anchors", "stitches", "MACs", "Params")
        self._print(table(columns, texts, columns[1:4]))

    def initial(self, initial: Initial, saving: Saving | None) -> None:
        """What least squares gave."""
        from nas.runs.stitched import correlation_text, line_text

        facts = initial.to_dict()
        self._print(f"least squares on {initial.fitted_on} images: {line_text(facts)}")
        self._print(f"residual and accuracy: {correlation_text(facts)}")
        if saving is not None:
            self._print(f"pruned: {saving}")
