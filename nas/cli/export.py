"""``nas export``: an architecture as a file for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import Arch, Json, Seed, Weights

if TYPE_CHECKING:
    from nas.export import Exported

Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="onnx, torch-export, state-dict or json.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write; an existing one is replaced.")]
Batch = Annotated[int, typer.Option("--batch", metavar="N", help="Images per call (with --dynamic: any).")]
Dynamic = Annotated[bool, typer.Option("--dynamic", help="Leave the batch size free.")]


def command(
    arch: Arch, out: Out, format: Format = "onnx", weights: Weights = None, batch: Batch = 1, dynamic: Dynamic = False,
    seed: Seed = 0, json: Json = False,
) -> None:  # fmt: skip
    """Export an architecture to one file and verify it.

    onnx is run with ONNX Runtime, torch-export with PyTorch, and their logits must agree with the module's to 1e-4.
    Without --weights the weights are fresh, drawn under --seed, or those saved beside ARCH by 'nas build --out', or
    of a run of 'nas stitch' the trained ones.

    \b
    Formats:
      onnx          one self-contained ONNX file
      torch-export  a torch.export program (.pt2): torch.export.load(FILE).module()
      state-dict    weights only: .safetensors, or .pt / .pth by torch.save
      json          the architecture, which 'nas build FILE.json' reads

    \b
    Examples:
      nas export elasticvit:S1 --format onnx --out s1.onnx
      nas export results/RUN#2 --format onnx --dynamic --weights trained.safetensors --out net.onnx
      nas export my-model --format torch-export --out net.pt2
    """
    from nas.cli.output import emit
    from nas.export import ALL_FORMATS, export, export_architecture
    from nas.sources import resolve
    from nas.weights import build_named
    from search_spaces.errors import unknown_name

    if format not in ALL_FORMATS:
        raise unknown_name("format", format, ALL_FORMATS)
    if format == "json":
        architecture, source = resolve(arch)[1], ""
        done = export_architecture(architecture, out)
    else:
        _, architecture, model, source = build_named(arch, weights=weights, seed=seed)
        done = export(model, architecture, format, out, batch=batch, dynamic=dynamic)
    if json:
        emit({"name": arch, "id": architecture.id, **vars(done), "weights": source or None})
    else:
        _tell(done, source)


def _tell(done: Exported, source: str) -> None:
    from nas.cli.output import console

    out = console()
    out.print(f"{done.path}: {done.format}, {done.size_bytes:,} bytes", soft_wrap=True)
    if done.format == "json":
        return
    out.print(f"weights: {source}", soft_wrap=True)
    if done.max_difference is not None:
        shape = " x ".join(map(str, done.input_shape))
        out.print(f"input: {shape}; verified: logits differ by at most {done.max_difference:.2g} (allowed 1e-04)")
