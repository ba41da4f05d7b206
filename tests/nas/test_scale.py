"""``nas.scale``: judging, seed search, growth, and the run that they leave."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nas
from nas.designers.asvit import folder, measure, policy, ranking
from nas.designers.asvit.evolution import Evolution
from nas.designers.asvit.growth import candidates, full_width, grow
from nas.designers.asvit.images import ntk_images
from nas.designers.asvit.judge import Judge, Judgement
from nas.designers.asvit.limits import Limits
from nas.designers.asvit.measure import Bench, Measured, Task
from nas.designers.asvit.policy import PolicySearch
from nas.designers.asvit.protocol import DEFAULT, PAPER, PROTOCOLS, Protocol
from nas.designers.asvit.seeds import agreement, merging_product
from nas.errors import BudgetError, BudgetInfeasible, NasError, RunError, RunFailed, UnknownName
from search_spaces.asvit import AsViT
from search_spaces.counting import Interval
from tests.nas.scaling import counting, fake

SEED, SMALLEST, LARGEST = "8,2,3|4,1,2|4,1,4|4,1,6|32", "4,8,2|2,4,2|2,2,2|2,1,2|16", "8,2,6|4,1,6|4,1,6|4,1,6|64"
TINY: dict[str, Any] = {"img_size": 32, "num_classes": 10}
ANY = {"macs": Interval()}


@pytest.fixture
def space() -> AsViT:
    return AsViT(**TINY)


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def judge(seen: list[str]) -> Judge:
    return Judge(counting(Bench(DEFAULT, 0), seen), DEFAULT.repeats)  # type: ignore[arg-type]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements cost nothing, in forked workers too."""
    monkeypatch.setattr(Bench, "measure", fake)


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the page, which takes longer than everything else."""
    monkeypatch.setattr(folder, "rebuild", lambda path: path)


# ---- judging ----------------------------------------------------------------------------------------------------


def le_mean(genotype: str, protocol: Protocol, repeats: int) -> float:
    """LE at 224 px, C = 32, mean over networks."""
    architecture, bench = AsViT().from_released(genotype), Bench(protocol, 0, np.zeros((2, 3, 224, 224), np.float32))
    found = []
    for repeat in range(repeats):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(measure, "condition_number", lambda *_: 1.0)
            found.append(bench.measure(Task(architecture, 0, repeat)).le or float("nan"))
    return float(np.mean(found))


# Mean and standard deviation of five networks under the released procedure (reference, section 1.3).
MAGNITUDES = [(SEED, 8.13e-3, 0.46e-3), (SMALLEST, 1.13e-3, 0.06e-3), (LARGEST, 7.99e-3, 0.17e-3)]


@pytest.mark.parametrize(("genotype", "mean", "deviation"), MAGNITUDES)
def test_le_has_the_released_magnitude(genotype: str, mean: float, deviation: float) -> None:
    """One network at two angles (two of the smallest): within four of its standard deviations, of 5 % at least."""
    repeats = 2 if genotype == SMALLEST else 1
    assert le_mean(genotype, DEFAULT, repeats) == pytest.approx(mean, abs=4 * max(deviation, 0.05 * mean))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("genotype", "mean", "deviation"), MAGNITUDES)
def test_le_by_the_released_procedure(genotype: str, mean: float, deviation: float) -> None:
    """Ten angles, five networks: within three standard errors of the difference of two means of five."""
    error = max(deviation, 0.04 * mean) * (2 / 5) ** 0.5
    assert le_mean(genotype, PAPER, 5) == pytest.approx(mean, abs=3 * error)


def test_protocols_are_as_published() -> None:
    assert np.allclose(PAPER.angles, np.linspace(0, 2 * np.pi, 10))
    assert (PAPER.repeats, PAPER.images, PAPER.evaluations) == (5, 16, 500)


def test_a_measurement_depends_on_its_task_alone(space: AsViT) -> None:
    """Not on the state of generators, nor on what ran before; it changes with seed, draw and repeat."""
    architecture, bench = space.from_released(SMALLEST, 32), Bench(DEFAULT, 3)
    first = bench.measure(Task(architecture, 0, 0))
    torch.manual_seed(99)
    torch.rand(7)
    others = [bench.measure(Task(architecture, 0, 1)), bench.measure(Task(architecture, 1, 0)),
              Bench(DEFAULT, 4).measure(Task(architecture, 0, 0))]  # fmt: skip
    again = bench.measure(Task(architecture, 0, 0))
    assert (first.status, first.le, first.ntk) == ("ok", again.le, again.ntk)
    assert all(o.le != first.le and o.ntk != first.ntk for o in others)


def test_what_fails_is_an_outcome(space: AsViT, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN, a time-out and an exception cost their candidate only."""
    task = Task(space.from_released(SMALLEST, 32), 0, 0)
    for failure, status in ((lambda *_: float("nan"), "nan"), (lambda *_: [][0], "error"), (_hang, "timeout")):
        monkeypatch.setattr(measure, "SECONDS", 0.5 if failure is _hang else 60.0)
        monkeypatch.setattr(measure, "condition_number", failure)
        found = Bench(DEFAULT, 0).measure(task)
        assert (found.status, found.ntk) == (status, None)
        assert found.message


def _hang(*_: Any) -> float:
    time.sleep(30)
    return 1.0


def test_judgements_are_remembered(space: AsViT, tmp_path: Path) -> None:
    """Once per architecture and draw; from the log too, whose torn last line is measured again."""
    architectures, log = [space.from_released(g, 32) for g in (SEED, SMALLEST)], tmp_path / "log"
    seen: list[str] = []

    def fresh() -> Judge:
        return Judge(counting(Bench(DEFAULT, 0), seen), 2, log)  # type: ignore[arg-type]

    judge = fresh()
    first = judge(architectures)
    assert judge(architectures) == first
    assert len(seen) == 4
    judge(architectures[:1], draw=1)
    assert len(seen) == 6
    assert fresh()(architectures) == first
    assert len(seen) == 6
    log.write_text(log.read_text()[:-20])
    assert fresh()(architectures[:1], draw=1) == judge(architectures[:1], draw=1)
    assert len(seen) == 7
    assert log.read_text().endswith("\n")
    log.write_text('{"key": 1}\n')
    with pytest.raises(RunError, match="damaged"):
        fresh()


def test_images_of_a_data_set() -> None:
    """Real images, one for every channel asked for, at the networks' side; not those of another kind."""
    images = ntk_images("digits", 8, 3, 32)
    assert images.shape == (8, 3, 32, 32)
    assert images.dtype == np.float32
    assert np.array_equal(images[:, 0], images[:, 2])
    assert 0.3 < images.std() < 1.5
    assert len(np.unique(images.reshape(8, -1), axis=0)) == 8
    with pytest.raises(NasError, match="takes"):
        ntk_images("digits", 5000, 3, 32)
    with pytest.raises(NasError, match="names no data set"):
        ntk_images("digitz", 8, 3, 32)


# ---- ranking ----------------------------------------------------------------------------------------------------


def test_rank_sums() -> None:
    """Dense ranks, LE from above and NTK from below; what failed is behind all others."""
    assert ranking.rank_sums([3.0, 1.0, 3.0, 2.0], [5.0, 4.0, 6.0, 5.0]).tolist() == [1, 2, 2, 2]
    assert ranking.best([1.0, None, 2.0], [3.0, 0.1, 2.0]) == 2
    assert ranking.best([None, None], [1.0, None]) is None
    assert ranking.best([], []) is None


def test_ties_are_broken_towards_the_better_value() -> None:
    """The metric that spreads more decides: for the *larger* LE, for the smaller NTK, among all that tie."""
    assert ranking.best([9.0, 5.0, 1.0], [5.2, 5.1, 5.0]) == 0  # released: 1, the smaller LE of the first two
    assert ranking.best([1.2, 1.1, 1.0], [9.0, 5.0, 1.0]) == 2  # released: 1, since the third is never looked at


# ---- seed search ------------------------------------------------------------------------------------------------


def test_evolution_judges_each_seed_once(space: AsViT, judge: Judge, seen: list[str]) -> None:
    """So many as asked for, within the budget, the same for one seed; and it beats drawing at random."""
    budget = {"macs": Interval(0.0, float(np.median(space.price(space.sample(99, np.random.default_rng(1)))["macs"])))}
    found = Evolution(space, judge, budget, np.random.default_rng(0)).run(200, lambda: False)
    assert len({j.architecture.id for j in found.judged}) == len(found.judged) == 200 == len(seen) / 2
    assert all(space.price_architecture(j.architecture)["macs"] <= budget["macs"].high for j in found.judged)
    again = Evolution(space, judge, budget, np.random.default_rng(0)).run(200, lambda: False)
    assert again == found
    assert merging_product(found.seed.config) == 64
    assert found.seed.config["heads"] == 64
    late, early = (np.mean([merging_product(j.architecture.config) for j in p])
                   for p in (found.judged[-64:], found.judged[:32]))  # fmt: skip
    assert late > 1.5 * early
    assert (agreement(found.judged) or 0) > 0.9


def test_evolution_ends_where_seeds_or_time_do(space: AsViT, judge: Judge) -> None:
    low, _ = space.bounds("macs")
    few = {"macs": Interval(0.0, low * 1.002)}
    found = Evolution(space, judge, few, np.random.default_rng(0)).run(500, lambda: False)
    assert 1 <= len(found.judged) < 500
    assert len(Evolution(space, judge, ANY, np.random.default_rng(0)).run(500, lambda: True).judged) == 32


def test_rewards_are_changes_relative_to_the_range(space: AsViT) -> None:
    """Worked by hand: 0; then LE up by its whole range, NTK up by its whole range; then half of LE's back."""
    architecture = space.from_released(SEED, 32)
    judgements = [Judgement(architecture, le, ntk, 0.0) for le, ntk in ((1.0, 4.0), (3.0, 4.0), (2.0, 8.0))]
    rewards = policy.Rewards()
    assert [rewards(j) for j in judgements] == pytest.approx([0.0, 1.0, -0.5 - 1.0], abs=1e-5)
    assert rewards(Judgement(architecture, None, None, 0.0, "nan")) == policy.WORST


def test_baseline_is_corrected_and_includes_the_present() -> None:
    baseline = policy.Baseline()
    assert [baseline.update(r) for r in (2.0, 0.0)] == pytest.approx([2.0, 0.9 * 0.1 * 2.0 / (1 - 0.81)])


def test_policy_learns_as_torch_does() -> None:
    """Three steps on the loss -log p (genome) * advantage with torch's Adam give the same probabilities."""
    cardinalities = np.array([5, 3, 2])
    ours = policy.Policy(cardinalities, np.random.default_rng(0))
    logits = torch.tensor(ours._logits.copy(), requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.08)
    for genome, advantage in (((1, 2, 0), 0.7), ((4, 0, 1), -1.3), ((1, 1, 1), 0.2)):
        ours.learn(np.array(genome, dtype=np.uint8), advantage)
        optimiser.zero_grad()
        parts = zip(logits.split([5, 3, 2]), genome, strict=True)
        (-advantage * sum(part.log_softmax(0)[i] for part, i in parts)).backward()  # type: ignore[union-attr]
        optimiser.step()
    expected = [part.softmax(0).detach().numpy() for part in logits.split([5, 3, 2])]
    assert all(np.allclose(p, e, atol=1e-9) for p, e in zip(ours.probabilities(), expected, strict=True))


def test_policy_search(space: AsViT, seen: list[str]) -> None:
    """The released loop on free measurements: fresh networks every step, and a better seed than it began with."""
    judge = Judge(counting(Bench(PAPER, 0), seen), 1)  # type: ignore[arg-type]
    found = PolicySearch(space, judge, ANY, np.random.default_rng(8)).run(400, lambda: False)
    assert len(set(seen)) == len(seen) == 400
    late, early = (np.mean([j.le or 0.0 for j in part]) for part in (found.judged[-50:], found.judged[:50]))
    assert late > 1.3 * early
    again = PolicySearch(space, Judge(counting(Bench(PAPER, 0), []), 1), ANY, np.random.default_rng(8))  # type: ignore[arg-type]
    assert again.run(400, lambda: False) == found


def test_policy_keeps_to_the_budget(space: AsViT, judge: Judge) -> None:
    """A mode beyond the budget gives way to the most probable seed that is not."""
    low, high = space.bounds("macs")
    tight = {"macs": Interval(0.0, low + 0.3 * (high - low))}
    found = PolicySearch(space, judge, tight, np.random.default_rng(0)).run(60, lambda: False)
    assert space.price_architecture(found.seed)["macs"] <= tight["macs"].high
    with pytest.raises(RunFailed, match="keeps to the budget"):
        PolicySearch(space, judge, {"macs": Interval(0.0, low)}, np.random.default_rng(0)).run(5, lambda: False)


# ---- growth -----------------------------------------------------------------------------------------------------


def test_a_step_adds_a_block_and_width(space: AsViT) -> None:
    """4 stages x {5, 10, 15, 20} %; at width 8 that is 8 (no growth), 9 (twice the same) and 10."""
    narrow = {**space.from_released(SEED, 32).config, "width": 8}
    grown = candidates(narrow)
    assert [c["width"] for c in grown] == [8, 9, 10] * 4
    assert [sum(s["depth"] for s in c["stages"]) for c in grown] == [5] * 12
    assert [s["depth"] for s in grown[4]["stages"]] == [1, 2, 1, 1]
    assert sum(s["depth"] for s in narrow["stages"]) == 4
    assert len(candidates({**narrow, "width": 40})) == 16
    assert full_width(grown[2]) == {**grown[2], "width": 40}


def test_growth_keeps_to_the_limits(judge: Judge) -> None:
    """Every step is larger by one block, the last is within the budget and no candidate of the next would be."""
    space = AsViT()
    limits = Limits(nas.Budget.parse(["3GFLOPs", "20Mparams"]))
    growth = grow(space, space.published["seed"], judge, limits)
    prices = [space.price_architecture(s.architecture) for s in growth.steps]
    depths = [sum(stage["depth"] for stage in s.architecture.config["stages"]) for s in growth.steps]
    assert depths == list(range(4, 4 + len(depths)))
    assert all(limits.allow(p) for p in prices)
    assert prices[-1]["macs"] > 0.7 * 3e9 or prices[-1]["params"] > 0.7 * 20e6
    assert growth.steps[0].architecture == space.published["seed"]
    last = growth.steps[-1].architecture.config
    following = candidates({**last, "width": last["width"] // 4})
    assert not any(limits.allow(space.price_architecture(space.architecture(full_width(c)))) for c in following)


def test_growth_ends_as_published(judge: Judge) -> None:
    """At 80 M parameters, never above 110 M, where the budget is larger."""
    space = AsViT()
    growth = grow(space, space.published["seed"], judge, Limits(nas.Budget.parse("900GFLOPs")))
    params = [space.price_architecture(s.architecture)["params"] for s in growth.steps]
    assert "80 M" in growth.ended
    assert params[-2] < 80e6 <= params[-1] <= 110e6


# ---- runs -------------------------------------------------------------------------------------------------------


def run(out: Path, name: str, **more: Any) -> Any:
    settings: dict[str, Any] = {"evaluations": 40, "workers": 0, **TINY} | more
    return nas.scale("12MFLOPs", out=out, name=name, **settings)


@pytest.mark.usefixtures("free")
def test_a_run_is_a_run(tmp_path: Path) -> None:
    """The files of a run, whose front is the series, largest first; models come out of it."""
    series = run(tmp_path, "one")
    opened = nas.load_run(tmp_path / "one")
    assert (opened.status, opened.document["kind"], len(opened.front)) == ("done", "scale", len(series))
    assert opened.front["macs"].is_monotonic_decreasing
    assert opened.front["id"].iloc[0] == series.largest.architecture.id
    names = {p.name for p in (tmp_path / "one").iterdir()}
    assert names >= {"run.json", "evaluations.jsonl", "seeds.csv", "series.json", "front.csv", "report.html",
                     "front.png", "summary.md", "architectures"}  # fmt: skip
    model: Any = nas.create_model(tmp_path / "one")
    assert sum(p.numel() for p in model.parameters()) == series.largest.params
    first: Any = series.build(0)
    assert first(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    with pytest.raises(NasError, match="steps 0 to"):
        series.build(len(series))
    page, summary = ((tmp_path / "one" / n).read_text() for n in ("report.html", "summary.md"))
    assert "K2 x K3 x K4" in page
    assert series.largest.genotype.split("|")[0] in page
    assert "Kendall tau" in summary
    assert nas.resume_scale(tmp_path / "one") == series


@pytest.mark.usefixtures("free", "unreported")
@pytest.mark.parametrize("protocol", ["default", "paper"])
def test_the_same_seed_gives_the_same_series(tmp_path: Path, protocol: str) -> None:
    """Byte by byte, whatever the number of workers; another seed gives another."""
    made = [run(tmp_path, f"run{i}", protocol=protocol, **m) for i, m in enumerate(({}, {"workers": 2}, {"seed": 1}))]
    files = [(tmp_path / f"run{i}" / "front.csv").read_bytes() for i in range(3)]
    assert files[0] == files[1] != files[2]
    assert made[0].networks == made[1].networks
    assert all(s.reproducible for s in made)


@pytest.mark.usefixtures("unreported")
@pytest.mark.parametrize(("protocol", "after"), [("default", 9), ("default", 60), ("paper", 70)])
def test_a_killed_run_goes_on(tmp_path: Path, protocol: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of a line of its log: nothing measured is measured again, and the series is the same."""
    left = [after]

    def dying(bench: Bench, task: Task) -> Measured:
        left[0] -= 1
        if left[0] < 0:
            raise SystemExit(137)
        return fake(bench, task)

    monkeypatch.setattr(Bench, "measure", dying)
    with pytest.raises(SystemExit):
        run(tmp_path, "killed", protocol=protocol, evaluations=20)
    log = tmp_path / "killed" / "evaluations.jsonl"
    assert len(log.read_text().splitlines()) == after
    log.write_text(log.read_text()[:-7])
    left[0] = 10**9
    resumed = nas.resume_scale(tmp_path / "killed", workers=0)
    measured = 10**9 - left[0]
    whole = run(tmp_path, "whole", protocol=protocol, evaluations=20)
    lines = (tmp_path / "whole" / "evaluations.jsonl").read_text().splitlines()
    assert measured == len(lines) - after + 1
    assert resumed.networks == whole.networks
    for name in ("front.csv", "series.json", "seeds.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_nine_and_resume(tmp_path: Path) -> None:
    """A real process with workers, killed for good: its workers end with it, and the series is the undisturbed one."""
    code = (
        "import sys, nas\n"
        "nas.scale('8MFLOPs', evaluations=12, workers=2, out=sys.argv[1], name=sys.argv[2], img_size=32)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), "killed"], start_new_session=True)
    log = tmp_path / "killed" / "evaluations.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and (not log.exists() or log.read_text().count("\n") < 10):
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(Path(f"/proc/{c}").exists() for c in children):
        time.sleep(0.1)
    assert not any(Path(f"/proc/{c}").exists() for c in children)
    resumed = nas.resume_scale(tmp_path / "killed", workers=0)
    subprocess.run([sys.executable, "-c", code, str(tmp_path), "whole"], check=True)
    assert resumed.networks == nas.resume_scale(tmp_path / "whole").networks


def test_a_real_scaling_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything measured: 32 px, few seeds on few images, a budget that leaves room for a step."""
    monkeypatch.setitem(PROTOCOLS, "default", dataclasses.replace(DEFAULT, repeats=1, images=4))
    series = nas.scale("6MFLOPs", evaluations=3, workers=0, out=tmp_path, name="real", **TINY)
    assert series.judged == 3
    assert len(series) >= 2
    assert all(n.le and n.ntk for n in series.networks)
    assert series.largest.macs <= 6e6


def test_failures_cost_their_candidates_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, never chosen; where all fail, the run says why and can be resumed."""

    def half(bench: Bench, task: Task) -> Measured:
        if task.architecture.config["stages"][0]["expand"] % 2:
            return Measured(None, None, "memory", "no memory left")
        return fake(bench, task)

    monkeypatch.setattr(Bench, "measure", half)
    series = run(tmp_path, "half")
    assert 5 < series.failed < 40
    assert all(n.architecture.config["stages"][0]["expand"] % 2 == 0 for n in series.networks)
    assert f"{series.failed} candidates had no value" in (tmp_path / "half" / "summary.md").read_text()
    monkeypatch.setattr(Bench, "measure", lambda *_: Measured(None, None, "timeout", "too slow"))
    with pytest.raises(RunFailed, match="too slow") as caught:
        run(tmp_path, "none")
    assert caught.value.data["path"] == str(tmp_path / "none")


@pytest.mark.usefixtures("free", "unreported")
def test_time_limits_give_up_reproducibility(tmp_path: Path) -> None:
    series = run(tmp_path, "timed", minutes=1e-6, evaluations=400)
    assert series.judged == 32
    assert not series.reproducible
    assert json.loads((tmp_path / "timed" / "run.json").read_text())["reproducible"] is False


@pytest.mark.parametrize(
    ("budget", "more", "error", "said"),
    [
        ("1kFLOPs", {}, BudgetInfeasible, "the smallest needs macs <= 2"),
        (["5GFLOPs", "10kparams"], {}, BudgetInfeasible, "no seed of asvit has params <= 10k"),
        ("4..5GFLOPs", {}, BudgetError, "upper limit"),
        ([], {}, BudgetError, "needs a budget"),
        ("5 apples", {}, BudgetError, "unknown unit"),
        ("5GFLOPs", {"protocol": "papre"}, UnknownName, "did you mean 'paper'"),
        ("5GFLOPs", {"evaluations": 0}, NasError, "evaluations must be"),
        ("5GFLOPs", {"minutes": -1.0}, NasError, "minutes must be"),
        ("5GFLOPs", {"seed": -1}, NasError, "seed must be"),
        ("5GFLOPs", {"workers": -1}, NasError, "workers must be"),
        ("5GFLOPs", {"img_size": 100}, NasError, "multiple of 32"),
        ("5GFLOPs", {"width": 3}, NasError, "no option 'width'"),
        ("5GFLOPs", {"data": "nowhere"}, NasError, "names no data set"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    tmp_path: Path, budget: Any, more: dict[str, Any], error: type[NasError], said: str
) -> None:
    with pytest.raises(error, match=said):
        nas.scale(budget, **{**TINY, "workers": 0, "out": tmp_path / "runs"} | more)
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("free", "unreported")
def test_damaged_runs_are_explained(tmp_path: Path) -> None:
    run(tmp_path, "one")
    (tmp_path / "one" / "series.json").write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        nas.resume_scale(tmp_path / "one")
    document = json.loads((tmp_path / "one" / "run.json").read_text())
    for scaling in (None, {"budgets": 3}, {"budgets": ["5GFLOPs"], "protocol": "x"}):
        (tmp_path / "one" / "run.json").write_text(json.dumps({**document, "status": "running", "scaling": scaling}))
        with pytest.raises(NasError):
            nas.resume_scale(tmp_path / "one")
    (tmp_path / "one" / "run.json").write_text(json.dumps({**document, "kind": "design"}))
    with pytest.raises(RunError, match="no scaling"):
        nas.resume_scale(tmp_path / "one")
