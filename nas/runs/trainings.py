"""Trainings of a results folder, from their ``train.json`` alone: no torch, and no look at weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "train.json"


def list_trainings(out: Path) -> list[dict[str, Any]]:
    """What ``nas runs`` says of each training under a folder; what is none, or damaged, is passed over."""
    found = []
    for path in sorted(out.glob(f"*/{FILE}")):
        try:
            found.append(_facts(path.parent, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _facts(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    status, settings = str(document["status"]), document["settings"]
    best = max(document.get("judged") or [], key=lambda row: (row["part"] == "test", row["accuracy"]), default=None)
    kind = "fine-tuning" if document.get("start") else str(document["kind"])
    how = f"{settings['sampler']}, " if kind == "supernet" else ""
    return {
        "run": str(folder), "name": folder.name, "kind": kind, "space": document["space"],
        "data": document["facts"].get("source", document["data"]),
        "status": "unfinished" if status == "running" else status, "seed": settings["seed"],
        "created": document.get("created"), "judged": document.get("judged") or [],
        "what": f"{document['space']} on {document['facts'].get('source', document['data'])}, {how}"
        f"{settings['epochs']} {'epoch' if settings['epochs'] == 1 else 'epochs'}",
        "best": best and f"{best['accuracy']:.2%} ({best['name'] if kind == 'supernet' else best['part']})",
    }  # fmt: skip
