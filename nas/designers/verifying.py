"""Check the certificate of a design, from a file and without the solver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.designers.deepmad import CertificateRefused, Verified, verify
from nas.designers.deepmad.verify import Progress
from nas.designers.question import grid_of, problem_again
from nas.designers.reading import read_json
from nas.errors import NasError

KIND = "deepmad-certificate"


def verify_certificate(
    certificate: str | Path | Mapping[str, Any], on_progress: Progress | None = None
) -> tuple[Mapping[str, Any], Verified]:
    """The certificate and what was established. A folder stands for the ``certificate.json`` in it.

    Raises CertificateRefused where the claim does not follow from its evidence, NasError where it is no certificate.
    """
    document = read_certificate(certificate) if isinstance(certificate, str | Path) else certificate
    if not isinstance(document, Mapping) or document.get("kind") != KIND:
        raise NasError(f"{_name(certificate)} is no certificate of a design: it needs 'kind': '{KIND}'")
    if document.get("version") != 1:
        version = f"{document.get('version')!r:.20}"
        raise NasError(f"{_name(certificate)} has certificate version {version}; this nas reads 1")
    try:
        asked = document["problem"]
        grid_of(asked["grid"])  # of a size that fits into memory
        return document, verify(document, extra=problem_again(asked).extra, on_progress=on_progress)
    except CertificateRefused as error:
        if error.data.get("reason") != "malformed":
            raise
        raise NasError(f"{_name(certificate)} is damaged: {error}") from None
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError) as error:
        raise NasError(f"{_name(certificate)} is damaged: {error!r:.200}") from None


def read_certificate(path: str | Path) -> Any:
    """The JSON document of a file, or of ``certificate.json`` in a folder."""
    path = Path(path)
    return read_json(path / "certificate.json" if path.is_dir() else path, "certificate")


def _name(certificate: object) -> str:
    return str(certificate) if isinstance(certificate, str | Path) else "this"
