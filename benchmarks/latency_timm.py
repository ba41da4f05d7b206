"""Throughput of timm's models on two machines, predicted from traced operator tables and nothing else.

Prints the held-out error beside a log-linear fit on GMACs, activations, parameters and resolution, refitted on the same
rows. Tracing takes about ten minutes once and is kept in a cache folder outside the project (``--cache``); from it all
takes about two minutes. ``--write`` fits the shipped profiles anew.

    python benchmarks/latency_timm.py [--write] [--cache FOLDER]
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from correlations import Array, Estimate, kendall, resamples
from numpy.typing import NDArray
from timm_traces import CACHE, traced
from vitbench import data_folder

from predictors.latency.network.evidence import HeldOut, coverage, finished, hold_out
from predictors.latency.network.fitting import Networks
from predictors.latency.profile import DeviceProfile
from search_spaces.operators import FloatArray, Kind, OperatorTable

PROFILES = Path(__file__).parents[1] / "predictors" / "latency" / "profiles"
CONVNET_WEIGHT = 0.6
"""Networks without attention products count less: they help, but the figures are about the others."""


@dataclass(frozen=True)
class Machine:
    """A column of the table and the profile fitted on it."""

    column: str
    profile: str
    title: str
    hardware: dict[str, Any]
    runtime: dict[str, Any]


MACHINES = (
    Machine(
        "sps_rtx4090_amp_nchw_pt291", "rtx4090-amp",
        "NVIDIA RTX 4090, PyTorch 2.9.1 eager, mixed precision, large batch",
        {"device": "NVIDIA GeForce RTX 4090", "peak_macs_per_s": 82.6e12,
         "peak": "165.2 TFLOPS, dense FP16 tensor cores"},
        {"framework": "PyTorch 2.9.1", "mode": "eager", "precision": "AMP float16", "layout": "NCHW", "batch": "large",
         "unit": "milliseconds per image at the batch of timm's benchmark"},
    ),
    Machine(
        "sps_i9_10940x_fp32_nchw_pt240_dyn", "i9-10940x-compiled",
        "Intel Core i9-10940X, PyTorch 2.4.0 compiled, float32, large batch",
        {"device": "Intel Core i9-10940X", "peak_macs_per_s": 14 * 32 * 3.3e9,
         "peak": "14 cores, two 16-wide fused multiply-adds each, 3.3 GHz"},
        {"framework": "PyTorch 2.4.0", "mode": "torch.compile", "precision": "float32", "layout": "NCHW",
         "batch": "large", "unit": "milliseconds per image at the batch of timm's benchmark"},
    ),
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Print the section; with ``--write`` also write the profiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of traces (default {CACHE})")
    parser.add_argument("--write", action="store_true", help="fit and write the shipped profiles")
    chosen = parser.parse_args(arguments)
    section(cache=chosen.cache, write=chosen.write)


def section(*, cache: Path = CACHE, write: bool = False) -> None:
    """The "real models" part of the latency benchmark."""
    rows = models()
    if rows is None:
        print("real models: timm_models.csv.gz is not in NAS_DATA; skipped")
        return
    rows, table = traced(rows, cache)
    attention = np.bincount(table["arch"], table["kind"] == Kind.MATMUL, table.size) > 0
    print(f"{len(rows)} timm models traced (arch at image size), {attention.sum()} with attention products")
    print(f"{'':20s}{'held out':12s}{'models':>6s}  {'MAPE':>7s} {'95 %':14s}  {'tau':>7s} {'95 %':14s}")
    for machine in MACHINES:
        device(machine, rows, table, attention, write=write)


# ---- the rows --------------------------------------------------------------------------------------------------------


def models() -> pd.DataFrame | None:
    """One row per (arch, img_size): checkpoints share their throughput. None where the data are absent."""
    path = data_folder() / "timm_models.csv.gz"
    if not path.exists():
        return None
    numbers = ["gmacs", "macts", "params_M", *(m.column for m in MACHINES)]
    return pd.read_csv(path).groupby(["arch", "img_size"], as_index=False)[numbers].median()


def family(arch: str) -> str:
    """``swinv2`` of ``swinv2_tiny_window8_256``: the first word, without trailing numbers."""
    return re.match(r"[a-z]+(?:v\d+)?", arch).group()  # type: ignore[union-attr]


# ---- one machine -----------------------------------------------------------------------------------------------------


def device(
    machine: Machine, rows: pd.DataFrame, table: OperatorTable, attention: NDArray[np.bool_], *, write: bool
) -> None:
    """Held-out figures of one column; with ``write`` its profile."""
    timed = rows[machine.column].notna().to_numpy()
    rows, attention = rows[timed].reset_index(drop=True), attention[timed]
    families = [family(a) for a in rows.arch]
    ms = 1e3 / rows[machine.column].to_numpy()
    weight = np.where(attention, 1.0, CONVNET_WEIGHT)
    data = Networks.of(_only(table, timed), ms, families, weight, 1e3 / machine.hardware["peak_macs_per_s"])
    splits = {"by arch": list(rows.arch), "by family": families}
    held = {how: hold_out(data, groups) for how, groups in splits.items()}
    evidence: dict[str, Any] = {}
    for how, groups in splits.items():
        evidence[how] = _report(machine, how, rows, attention, held[how], groups)
    if write:
        _write(machine, data, held["by arch"], held["by family"], evidence)


def _only(table: OperatorTable, keep: NDArray[np.bool_]) -> OperatorTable:
    """Some architectures of a table, numbered anew."""
    chosen = table.select(keep[table["arch"]])
    columns = dict(chosen.columns) | {"arch": (np.cumsum(keep) - 1)[chosen["arch"]]}
    return OperatorTable(columns, int(keep.sum()), table.stages)


def _report(
    machine: Machine, how: str, rows: pd.DataFrame, attention: NDArray[np.bool_], held: HeldOut, groups: list[str]
) -> dict[str, Any]:
    """Print the lines of one split, of the models with attention products; returns the figures for the profile."""
    sps, group = (
        rows[machine.column].to_numpy()[attention],
        np.unique(np.array(groups)[attention], return_inverse=True)[1],
    )
    ours, plain = 1e3 / held.ms[attention], 1e3 / held.additive_ms[attention]
    peers = {"this profile": ours, "its sum of units": plain, "log-linear fit": log_linear(rows[attention], sps, group)}
    counts = group_resamples(group)
    for who, guess in peers.items():
        errors, ranks = counts @ np.abs(guess / sps - 1) / counts.sum(axis=1), kendall(sps, guess, counts)
        mape, tau = Estimate.of(errors[0], errors[1:]), Estimate.of(ranks[0], ranks[1:])
        print(
            f"{machine.profile:20s}{how:12s}{len(sps):6d}  {mape.value:7.1%} [{mape.low:.1%}, {mape.high:.1%}]"
            f"  {tau.value:7.3f} [{tau.low:.3f}, {tau.high:.3f}]  {who}"
        )
    error = np.abs(ours / sps - 1)
    within = {f"within{p}": round(float((error <= p / 100).mean()), 4) for p in (5, 10, 20)}
    figures = {"mape": error.mean(), "tau": kendall(sps, ours, counts[:1])[0], "worst_decile": np.quantile(error, 0.9)}
    figures["mape_additive"] = np.abs(plain / sps - 1).mean()
    return {"models": len(sps), **within, **{name: round(float(value), 4) for name, value in figures.items()}}


def group_resamples(group: NDArray[np.int64], count: int = 400) -> Array:
    """Counts of each network in the whole sample (row 0) and where whole groups are resampled, shape (count + 1, n)."""
    return resamples(int(group.max()) + 1, count)[:, group]


def log_linear(rows: pd.DataFrame, sps: FloatArray, group: NDArray[np.int64], folds: int = 10) -> FloatArray:
    """Cross-validated least squares of log throughput on the logarithms of four columns of the table."""
    x = np.log(rows[["gmacs", "macts", "params_M", "img_size"]].to_numpy())
    x = np.column_stack([np.ones(len(x)), x])
    fold = (np.random.default_rng(0).permutation(int(group.max()) + 1) % folds)[group]
    out = np.zeros(len(x))
    for k in range(folds):
        w = np.linalg.lstsq(x[fold != k], np.log(sps[fold != k]), rcond=None)[0]
        out[fold == k] = np.exp(x[fold == k] @ w)
    return out


def _write(
    machine: Machine, data: Networks, known: HeldOut, strange: HeldOut, evidence: dict[str, Any]
) -> DeviceProfile:
    model = finished(data, known, strange)
    assert model.network is not None
    covered = {how: round(coverage(model.network, h, data.ms), 3) for how, h in (("arch", known), ("family", strange))}
    print(f"{machine.profile:20s}90 % intervals hold {covered['arch']:.1%} by arch, {covered['family']:.1%} by family")
    facts = {
        "measurements": len(data.ms), "source": "throughput of whole networks, timm results (Apache-2.0)",
        "split": "by arch: 10 folds; by family: no network of a held-out family was seen; of networks with attention",
        **evidence["by arch"], "interval_coverage": covered, "unseen_family": evidence["by family"],
        "look_ups": "use the sum of units without the network's correction; see mape_additive",
    }  # fmt: skip
    profile = DeviceProfile(
        machine.profile, machine.title, "imported", "kernels", model, machine.hardware, machine.runtime,
        evidence=facts, created=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip
    path = profile.save(PROFILES / f"{machine.profile}.json")
    print(f"wrote {path} ({path.stat().st_size:,} bytes)")
    return profile


if __name__ == "__main__":
    main()
