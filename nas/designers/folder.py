"""Designs as a run directory: the same files as a search's, so that every command that reads a run reads it.

``run.json``, ``front.csv``, ``architectures/*.json``, ``report.html``, ``front.png``, ``summary.md`` as in
``nas.runs``; ``designs.json`` (each design with its bound, gap and prices) and ``certificate.json`` (one design) or
``certificates/*.json``. There is no database, since no candidate but the designs themselves is kept: ``Run.store`` is
empty. ``nas build``, ``export``, ``price``, ``runs``, ``compare`` and ``nas.load_run`` work on the folder, ``nas
report`` through :func:`rebuild`; there is nothing to resume. A sweep's folder appears when the sweep ends (or is
interrupted): a process that is killed leaves none.

Columns of ``front.csv``: those of every run by the operator table (``macs`` and ``params`` with a classifier of 1000,
whatever the convention), then ``objective, score, penalty, bound, gap, rho`` under the convention of the question.
"""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from nas.budget import compact, parse_limit
from nas.designers.deepmad import structure_from_json
from nas.designers.design import Design
from nas.designers.infeasible import WORDS
from nas.designers.reading import read_json
from nas.engine.spec import SearchSpec
from nas.errors import RunError
from nas.runs.environment import environment
from nas.runs.finish import write_csv
from nas.runs.place import place
from nas.runs.run import FORMAT

VALUES = ("objective", "score", "penalty", "bound", "gap", "rho")


def save(
    designs: Sequence[Design], out: Path, name: str, *, swept: str | None = None, command: str = "",
    notes: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Write designs, best first, into the new folder ``out/name``; nothing is left behind where that fails.

    ``swept`` is the amount that a sweep varied. Raises RunError where the folder exists or cannot be made.
    """
    path = place(out, name)
    part = path.with_name(f".{path.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        part.mkdir(parents=True)
        _write(designs, part, path, swept, command, notes or {})
        part.rename(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}", path=str(path)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


def _write(
    designs: Sequence[Design], part: Path, path: Path, swept: str | None, command: str, notes: dict[str, str]
) -> None:
    from nas.designers.report import report_of
    from nas.report import write_report

    front = front_of(designs)
    (part / "architectures").mkdir()
    for design, file in zip(designs, front["architecture"], strict=True):
        (part / file).write_text(design.architecture().to_json(), encoding="utf-8")
    certificates = _certificates(designs, part)
    write_csv(front, part / "front.csv")
    rows = [_row(d, str(i), c) for d, i, c in zip(designs, front["id"], certificates, strict=True)]
    _json(part / "designs.json", rows)
    _json(part / "run.json", _document(designs, path.name, command, swept, notes))
    write_report(report_of(designs, front, path, swept=swept, command=command, notes=notes), part)


def front_of(designs: Sequence[Design]) -> pd.DataFrame:
    """One row per design; bound and gap are empty where they are not known."""
    rows = []
    for design in designs:
        architecture = design.architecture()
        price = design.space().price_architecture(architecture)
        values = {name: getattr(design, name) for name in VALUES}
        known = {k: v if math.isfinite(v) else math.nan for k, v in values.items()}
        rows.append({"id": architecture.id, **price, **known, "architecture": f"architectures/{architecture.id}.json"})
    return pd.DataFrame(rows)


def _certificates(designs: Sequence[Design], part: Path) -> list[str]:
    """Write them; returns their paths inside of the folder."""
    if len(designs) == 1:
        designs[0].save_certificate(part / "certificate.json")
        return ["certificate.json"]
    (part / "certificates").mkdir()
    names = [f"certificates/{design.architecture().id}.json" for design in designs]
    for design, name in zip(designs, names, strict=True):
        design.save_certificate(part / name)
    return names


def _row(design: Design, identity: str, certificate: str) -> dict[str, Any]:
    limits = {name: {"value": value, "limit": limit} for name, (value, limit) in design.constraints.items()}
    more = {"limits": limits, "prices": dict(design.prices), "interrupted": design.interrupted}
    return {"id": identity, **design.document(), **more, "certificate": certificate}


def _document(
    designs: Sequence[Design], name: str, command: str, swept: str | None, notes: dict[str, str]
) -> dict[str, Any]:
    """``run.json``: the ``spec`` tells how to open the space, ``designer`` what was asked."""
    problem = designs[0].problem
    options = {"family": designs[0].space().family, "img_size": problem.resolution}
    limits = {WORDS.get(name, name): limit for name, limit in problem.budgets.items()}
    budgets = tuple(_budget(name, limit) for name, limit in limits.items() if name != swept)
    spec = SearchSpec("convnet", options, budgets, objectives=("capacity", swept or "macs"), proxies=())
    asked = {k: v for k, v in designs[0].certificate["problem"].items() if k != "grid"}
    return {
        "format": FORMAT, "id": uuid.uuid4().hex, "name": name, "kind": "design", "status": "done",
        "spec": spec.to_dict(), "designer": {"method": "deepmad", **asked},
        "created": datetime.now(UTC).isoformat(timespec="seconds"), "storage": None, "environment": environment(),
        "reproducible": False, "command": command, "recommended": 0, "swept": swept, "notes": notes,
    }  # fmt: skip


def _budget(name: str, limit: float) -> str:
    """A limit as ``nas.budget`` reads it, short where that loses nothing."""
    unit, short = {"macs": "FLOPs"}.get(name, name), compact(limit)
    return f"{short}{unit}" if parse_limit(f"{short}{unit}").high == limit else f"{limit:.0f}{unit}"


def _json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(folder: str | Path) -> list[Design]:
    """The designs of a folder that :func:`save` wrote. Raises NasError where it is none, or damaged."""
    path = Path(folder)
    rows = read_json(path / "designs.json", "designs")
    try:
        return [_design(path, row) for row in rows]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(f"{path}/designs.json is damaged: {error!r:.200}", path=str(path)) from None


def _design(path: Path, row: dict[str, Any]) -> Design:
    file = (path / str(row["certificate"])).resolve()
    if path.resolve() not in file.parents:
        raise RunError(f"{path}/designs.json points outside of the folder: {row['certificate']!r:.80}")
    unknown = {name: math.inf for name in ("bound", "gap") if row[name] is None}
    names = ("objective", "score", "penalty", "bound", "gap", "macs", "params", "rho", "seconds", "interrupted")
    values = {name: row[name] for name in names} | unknown
    structure = structure_from_json(row["structure"])
    return Design(structure=structure, prices=row["prices"], certificate=read_json(file, "certificate"), **values)


def rebuild(folder: str | Path) -> Path:
    """Write ``report.html``, ``front.png`` and ``summary.md`` again from the designs; returns the page."""
    from nas.designers.report import report_of
    from nas.report import write_report

    path = Path(folder)
    designs, document = load(path), read_json(path / "run.json", "run.json")
    swept, command, notes = (document.get(name) for name in ("swept", "command", "notes"))
    front = front_of(designs)
    return write_report(report_of(designs, front, path, swept=swept, command=command or "", notes=notes or {}), path)
