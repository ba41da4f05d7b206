"""The results of a scaling on disk, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from nas.designers.asvit.seeds import SeedSearch, merging_product
from nas.designers.asvit.series import Series
from nas.designers.reading import read_json
from nas.errors import NasError, RunError
from nas.runs.finish import write_csv
from search_spaces import Architecture
from search_spaces.asvit import AsViT, released
from search_spaces.pricing import QUANTITIES


def write(series: Series, seeds: SeedSearch, path: Path) -> None:
    """Write ``architectures/``, ``front.csv``, ``seeds.csv``, ``series.json`` and the report."""
    (path / "architectures").mkdir(exist_ok=True)
    for network in series.networks:
        file = path / "architectures" / f"{network.architecture.id}.json"
        file.write_text(network.architecture.to_json(), encoding="utf-8")
    write_csv(front_of(series), path / "front.csv")
    write_csv(seed_table(series.space(), seeds), path / "seeds.csv")
    text = json.dumps(series.document(), indent=1, allow_nan=False) + "\n"
    (path / "series.json").write_text(text, encoding="utf-8")
    rebuild(path)


def front_of(series: Series) -> pd.DataFrame:
    """One row per network, the largest first."""
    space, rows = series.space(), []
    for step, network in reversed(list(enumerate(series.networks))):
        own = network.document(step)
        order = ("le", "ntk", "merging", "step", "depth", "width", "genotype")
        prices = space.price_architecture(network.architecture)
        file = f"architectures/{own['id']}.json"
        rows.append({"id": own["id"], **prices, **{k: own[k] for k in order}, "architecture": file})
    return pd.DataFrame(rows)


def seed_table(space: AsViT, seeds: SeedSearch) -> pd.DataFrame:
    """Every judged seed in order, at its full width of 32, with what it costs; no value where judging failed."""
    prices = space.price(np.stack([space.encode(j.architecture) for j in seeds.judged]), QUANTITIES)
    configs = [judged.architecture.config for judged in seeds.judged]
    return pd.DataFrame({
        "genotype": [released.write(config, seed=True) for config in configs], **prices,
        "le": [j.le for j in seeds.judged], "ntk": [j.ntk for j in seeds.judged],
        "merging": [merging_product(config) for config in configs],
        "chosen": [int(j.architecture == seeds.seed) for j in seeds.judged],
    })  # fmt: skip


def load(path: Path) -> Series:
    """The series of a finished run. Raises RunError where there is none, or it is damaged."""
    document = read_json(path / "series.json", "series.json")
    try:
        files = [path / "architectures" / f"{row['id']}.json" for row in document["networks"]]
        if any(file.resolve().parent != (path / "architectures").resolve() for file in files):
            raise ValueError("it points outside of the folder")
        architectures = [Architecture.from_json(file.read_text(encoding="utf-8")) for file in files]
        return Series.of_document(path, document, architectures)
    except (KeyError, TypeError, ValueError, OSError, NasError) as error:
        raise RunError(f"{path}/series.json is damaged: {error!r:.200}", path=str(path)) from None


def rebuild(path: Path) -> Path:
    """Write ``report.html``, ``front.png`` and ``summary.md`` from the other files; returns the page."""
    from nas.designers.asvit.report import report_of
    from nas.report import write_report

    series = load(path)
    try:
        seeds = pd.read_csv(path / "seeds.csv")
    except (OSError, ValueError) as error:
        raise RunError(f"{path}/seeds.csv cannot be read: {error}", path=str(path)) from None
    return write_report(report_of(series, front_of(series), seeds, path), path)
