"""The ``nas`` program: its commands, and what a failure looks like.

Nothing imported here may be slow: ``nas --help`` answers within 0.3 s. So no module under ``nas.cli`` imports NumPy,
torch or anything of ours but ``nas.cli`` at its top.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nas.cli import (
    build,
    calibrate,
    compare,
    design,
    devices,
    doctor,
    evaluate,
    explain,
    export,
    extract,
    finetune,
    measure,
    predict,
    price,
    profile,
    proxies,
    remote,
    report,
    resume,
    runner,
    runs,
    scale,
    score,
    search,
    serve,
    spaces,
    stitch,
    token,
    train,
)
from nas.cli.failures import explain as explain_failure

HELP = """Which vision architecture should I train and ship under this budget, on this device?

\b
  nas search --space elasticvit --budget 600MFLOPs     explore, judge, recommend, write a report
  nas spaces elasticvit                                what can be searched
  nas price elasticvit:S1                              what one architecture costs
  nas export results/RUN --format onnx --out net.onnx  hand it on
  nas design deepmad --budget 1.82GFLOPs               solve for a CNN, with a proven gap

"FLOPs" always means MACs (multiply-accumulates), as in the papers of these search spaces: 600MFLOPs = 600e6 MACs.
An architecture is named SPACE:NAME (a published network, or smallest, or largest), RUN (what the run recommends),
RUN#INDEX (a row of its front) or FILE.json. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""

app = typer.Typer(
    name="nas", help=HELP, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)  # fmt: skip

COMMANDS = {
    "search": (search, "Find the best architectures under a budget; recommend one."),
    "scale": (scale, "Scale a ViT up to a budget without training; a series of networks."),
    "resume": (resume, "Continue an interrupted search."),
    "report": (report, "Rebuild a run's report."),
    "calibrate": (calibrate, "Predict accuracies from a handful of trained ones, with intervals."),
    "runs": (runs, "List runs."),
    "compare": (compare, "Compare runs: hypervolume, merged front."),
    "build": (build, "Build an architecture's PyTorch module; save it."),
    "export": (export, "Export to ONNX, torch.export, a state dict or JSON; verify it."),
    "price": (price, "MACs, parameters, activations and memory, per stage."),
    "predict": (predict, "Milliseconds on devices, with an interval."),
    "devices": (devices, "List the device profiles, or show one, with their evidence."),
    "measure": (measure, "Latency of a network on this machine, with an interval."),
    "profile": (profile, "Make a device profile: measured, imported, few-shot or roofline."),
    "explain": (explain, "Where the milliseconds go on a device, and what wastes it."),
    "train": (train, "Train a space as a supernet, or one architecture from scratch."),
    "stitch": (stitch, "A front between pretrained networks for a short fine-tune."),
    "evaluate": (evaluate, "Accuracy of subnets with a supernet's weights."),
    "extract": (extract, "A subnet as a plain model, with its weights."),
    "finetune": (finetune, "Train a saved model further."),
    "spaces": (spaces, "List the search spaces, or describe one."),
    "score": (score, "Judge architectures without training them, with what each proxy is worth."),
    "proxies": (proxies, "List the training-free scores with what each is worth, or describe one."),
    "runner": (runner, "Carry out the jobs of a service."),
    "serve": (serve, "Serve it all over HTTP, with a page to watch."),
    "doctor": (doctor, "Check this machine and its installation."),
}
for _name, (_module, _short) in COMMANDS.items():
    app.command(name=_name, short_help=_short)(remote.aware(_name, _module.command))
for _command in design.app.registered_commands:
    if _command.callback is not None:
        _command.callback = remote.aware(f"design {_command.name}", _command.callback)
app.add_typer(design.app, name="design", short_help="Design a CNN by mathematical programming, with a proven gap.")
app.add_typer(token.app, name="token", short_help="Who may use a server, and for what.")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nas {version('nas')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; works anywhere on the line, as does NAS_DEBUG=1.")
    ] = False,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Run the command at a service ('nas serve').")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Holds the token for --server; default: NAS_TOKEN."),
    ] = None,
) -> None:
    remote.choose(server, token_file)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code. Never raises unless a debugger asked for it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or os.environ.get("NAS_DEBUG", "") not in ("", "0")
    _quieten(debug)
    try:
        command = typer.main.get_command(app)
        code = command.main(args=[a for a in given if a != "--debug"], prog_name="nas", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return explain_failure(error, debug)
    return code if isinstance(code, int) else 0


def _quieten(debug: bool) -> None:
    """Warnings of the libraries underneath are for whoever debugs."""
    if not debug:
        import warnings

        warnings.filterwarnings("ignore")


if __name__ == "__main__":
    sys.exit(main())
