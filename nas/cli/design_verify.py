"""``nas design verify``: whether a certificate's claim follows from its own evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nas.cli.failures import FAILED
from nas.cli.options import Json

File = Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="certificate.json, or the folder that holds it.")]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("verify", short_help="Check the proof of a design, without the solver.")(command)


def command(certificate: File, json: Json = False) -> None:
    """Check a design's certificate: the structure, its objective, and that nothing on the grid exceeds the bound.

    Nothing of the solver is used. Exit codes: 0 the claim holds, 1 it does not follow from the evidence, 2 the file
    is no certificate.

    \b
    Examples:
      nas design verify results/NAME
      nas design verify proof.json --json
    """
    from nas.cli.output import emit
    from nas.designers.deepmad import CertificateRefused
    from nas.designers.verifying import verify_certificate

    try:
        document, found = verify_certificate(certificate, _progress if sys.stderr.isatty() else None)
    except CertificateRefused as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(FAILED) from None
    gap = (found.bound - found.objective) / max(abs(found.objective), 1e-9)
    if json:
        claim = {"objective": found.objective, "bound": found.bound, "gap": gap, "claimed": document["bound"]}
        leaves = {"regions": found.regions, "exact_leaves": found.exact_leaves, "open_leaves": found.open_leaves}
        return emit({"verified": True, **claim, **leaves})
    typer.echo(
        f"verified: objective {found.objective:,.4f}, nothing on the grid exceeds {found.bound:,.4f} (gap {gap:.3%}); "
        f"{found.regions} regions, {found.exact_leaves} leaves searched again"
    )


def _progress(done: int, of: int) -> None:
    end = "\r\x1b[2K" if done == of else ""
    print(f"\r\x1b[2Kregion {done} of {of}{end}", end="", file=sys.stderr, flush=True)
