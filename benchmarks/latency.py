"""Latency prediction against measurements, section by section.

    python benchmarks/latency.py [--only phones --only few-shot ...]

- ``phones``: held-out rows of the phone block tables, split by key, beside boosted trees on the keys' raw numbers;
- ``few-shot``: each phone held out whole, adapted from the closest other with 50, 100 and 200 of its measurements;
- ``networks``: published ElasticViT networks on phones, beside sums of the measured tables;
- ``speed``: architectures priced in milliseconds per second, one process, one thread;
- ``timm``: throughput of timm models from traced operator tables (see ``latency_timm.py``);
- ``host``: this machine's CPU, profiled for ten minutes, on networks it never measured (see ``latency_host.py``);

Data is read from NAS_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from predictors.latency import load_profile, transfer
from predictors.latency.evidence import HeldOut, held_out, summary, unit_costs
from predictors.latency.grammar import FIELDS, NAME, block_table, parse
from predictors.latency.importing import MeasuredTable, read_measured
from predictors.latency.lookup import LatencyTable
from predictors.latency.tables import read_csv
from predictors.latency.units import whole
from search_spaces import get_space

DATA = Path(os.environ.get("NAS_DATA", Path(__file__).parents[2] / "shared" / "data"))
PHONES = ("pixel4", "pixel6", "xiaomi11")
BLOCKS = ("conv", "transds", "transattn", "transffn")
SPLITS = 3
SHOTS, DRAWS = (50, 100, 200), 5
PUBLISHED = ("T1", "S1", "M", "L1", "L2")
TABLE_SUMS_MS = {
    "pixel4": (6.82, 21.10, 37.51, 53.06, 68.63),
    "pixel6": (4.44, 13.58, 24.04, 34.23, 43.86),
    "xiaomi11": (6.32, 20.81, 37.29, 52.45, 68.28),
}
"""Sums of the whole tables for PUBLISHED, sides rounded down (reference elasticvit-vitresnas.md, section 1f)."""


def phone_tables() -> dict[str, MeasuredTable]:
    """The measured table of each phone."""
    table = read_csv(DATA / "phone_block_latency.csv.gz")
    return {phone: read_measured(table.where("device", phone), NAME) for phone in PHONES}


def _row(name: str, held: HeldOut) -> str:
    found = summary(held)
    kinds = "".join(f"{found['per_kind'][b]['within10']:>11.1%}" for b in BLOCKS)
    return f"{name:28}{found['mape']:>8.2%}{found['within5']:>9.1%}{found['within10']:>9.1%}{kinds}{found['tau']:>8.3f}"


def phones() -> None:
    """Rows of four fifths of the keys fit, the rest are predicted."""
    print(f"{'':28}{'MAPE':>8}{'in 5 %':>9}{'in 10 %':>9}" + "".join(f"{b:>11}" for b in BLOCKS) + f"{'tau':>8}")
    for phone, measured in phone_tables().items():
        data = measured.measurements()
        print(_row(phone, held_out(data, measured.groups, splits=SPLITS)))
        print(_row("  boosted trees on keys", _plain(measured)))


def _plain(measured: MeasuredTable) -> HeldOut:
    """The same splits, by 800 boosted trees of scikit-learn on the numbers in the keys."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    parsed = [parse(str(k)) for k in measured.groups]
    blocks = sorted({p["block"] for p in parsed})
    numbers = np.array([[p.get(f, 0) for f in (*FIELDS, "se")] + [blocks.index(p["block"])] for p in parsed])
    data = measured.measurements()
    parts = []
    names, index = np.unique(measured.groups, return_inverse=True)
    rng = np.random.default_rng(0)
    for split in range(SPLITS):
        held = np.isin(index, rng.permutation(len(names))[: round(0.2 * len(names))])
        model = HistGradientBoostingRegressor(max_iter=800, min_samples_leaf=5, random_state=0)
        model.fit(numbers[~held], np.log(data.cost[~held]))
        test = data.of(held)
        found = np.exp(model.predict(numbers[held]))
        parts.append((test.cost, found, test.kind, test.label, np.full(len(test), split)))
    return HeldOut(*(np.concatenate([p[i] for p in parts]) for i in range(5)))


def few_shot() -> None:
    """Share of a device's other rows within 10 %, mean over random draws; the device's own profile is not used."""
    tables = phone_tables()
    print(f"{'':12}" + "".join(f"{n:>7} shots" for n in SHOTS) + "   started from")
    shares = []
    for phone, measured in tables.items():
        others = [load_profile(p) for p in PHONES if p != phone]
        data, texts, starts = measured.measurements(), [], set()
        for shots in SHOTS:
            found = []
            for draw in range(DRAWS):
                few = np.isin(np.arange(len(data)), np.random.default_rng(draw).permutation(len(data))[:shots])
                source = transfer.closest(others, data.of(few), measured.groups[few])
                adapted, rest = transfer.transfer(source.latency, data.of(few)), data.of(~few)
                found.append(float((np.abs(unit_costs(adapted, rest) / rest.cost - 1) <= 0.1).mean()))
                starts.add(source.name)
            texts.append(f"{np.mean(found):>13.1%}")
            shares.append((shots, np.mean(found)))
        print(f"{phone:12}" + "".join(texts) + "   " + ", ".join(sorted(starts)))
    print(f"{'mean':12}" + "".join(f"{np.mean([s for n, s in shares if n == shots]):>13.1%}" for shots in SHOTS))


def networks() -> None:
    """The blocks of published networks as they were measured, and the networks themselves, in milliseconds."""
    space, names = get_space("elasticvit"), PUBLISHED
    print(f"{'':42}" + "".join(f"{n:>8}" for n in names))
    for phone in PHONES:
        profile = load_profile(phone)
        sums = []
        for name in names:
            units = whole(block_table(block_keys(space.published[name].config)))
            sums.append(float(profile.predict_units(units).ms.sum()))
        whole_ms = [float(profile.predict(space.operators(space.published[n])).ms[0]) for n in names]
        for label, values in (
            ("table sum, sides rounded down", TABLE_SUMS_MS[phone]), ("ours, the same blocks", sums),
            ("ours, the network itself", whole_ms),
        ):  # fmt: skip
            print(f"{phone + ': ' + label:42}" + "".join(f"{v:>8.2f}" for v in values))


def block_keys(config: dict) -> list[str]:
    """The table keys of an ElasticViT network as its authors sum them: sides rounded down, a stem of 16 channels."""
    side, width = config["resolution"], config["stem"]["width"]
    keys = [f"firstconv_{side}_3_{width}_2_3"]
    side //= 2
    stem_in = 16
    for kernel in config["stem"]["kernel"]:
        keys.append(f"conv_{side}_{stem_in}_{width}_1_1_hard_swish_{kernel}_nose")
        stem_in = width
    for stage, gate in zip(config["conv_stages"], ("nose", "se"), strict=True):
        for i, (expand, kernel) in enumerate(zip(stage["expand"], stage["kernel"], strict=True)):
            stride = 2 if i == 0 else 1
            keys.append(f"conv_{side}_{width}_{stage['width']}_{expand}_{stride}_hard_swish_{kernel}_{gate}")
            side, width = side // stride, stage["width"]
    for stage, stride in zip(config["transformer_stages"], (2, 1, 2, 2), strict=True):
        keys.append(f"transds_{side}_{width}_{stage['width']}_{stride}_6")
        side, width = side // stride, stage["width"]
        for ratio, value in zip(stage["mlp_ratio"], stage["v_scale"], strict=True):
            keys += [
                f"transattn_{side}_{width}_hard_swish_{value}_ln",
                f"transffn_{side}_{width}_{ratio}_hard_swish_ln",
            ]
    return [*keys, f"mbpool_{side}_{width}_1984_6_hard_swish"]


def speed(architectures: int = 300_000) -> None:
    """Latency look-ups: a second table like that of MACs, so as quick."""
    for name in ("elasticvit", "convnet"):
        space, profile = get_space(name), load_profile("pixel6")
        start = time.perf_counter()
        table = LatencyTable.compile(space, profile)
        compiled = time.perf_counter() - start
        genomes = space.sample(architectures, np.random.default_rng(0))
        start = time.perf_counter()
        table(genomes)
        rate = architectures / (time.perf_counter() - start)
        print(f"{name:12} {rate:>12,.0f} architectures/s on one core (look-ups made in {compiled:.1f} s)")


def timm_throughput() -> None:
    """See ``latency_timm.py``, which runs on its own too."""
    import latency_timm

    latency_timm.section()


def host() -> None:
    """See ``latency_host.py``, which runs on its own too; a session that was finished is not measured again."""
    import latency_host

    latency_host.section()


SECTIONS: dict[str, Callable[[], None]] = {
    "phones": phones, "few-shot": few_shot, "networks": networks, "speed": speed, "timm": timm_throughput,
    "host": host,
}  # fmt: skip


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; repeatable; default all")
    for name in parser.parse_args().only or SECTIONS:
        print(f"\n== {name}", flush=True)
        SECTIONS[name]()


if __name__ == "__main__":
    main()
