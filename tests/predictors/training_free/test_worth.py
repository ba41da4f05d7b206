"""The evidence file says what it should, honestly, and without torch."""

import subprocess
import sys

import pytest

from predictors.training_free import DEFAULT_PROXIES, evidence, list_proxies, note, protocols, repeatability, seconds
from predictors.training_free.worth import MEAN, Evidence, Interval

VITS = {"autoformer", "pit"}
MEASURED = ("synflow", "naswot", "az_expressivity", "zico", "grad_norm", "dss", "depth_width", "params", "macs")


@pytest.mark.parametrize("name", [*list_proxies(), "params", "macs"])
def test_records_are_consistent(name):
    for e in evidence(name):
        assert -1 <= e.tau.low <= e.tau.value <= e.tau.high <= 1
        assert e.over_params.value == pytest.approx(e.tau.value - e.params_tau, abs=2e-3)
        assert e.n >= 30
        assert e.beats_params == (e.verdict == "better than params") == (e.over_params.low > 0)
        assert (e.spearman is not None) == (e.space == "nasbench201")


@pytest.mark.parametrize("name", MEASURED)
def test_the_usual_scores_are_measured_on_both_vision_transformer_spaces(name):
    found = evidence(name)
    assert {e.space for e in found} >= VITS
    assert {e.space for e in found if e.target.startswith(MEAN)} >= VITS


def test_params_do_not_beat_themselves():
    assert not any(e.beats_params for e in evidence("params"))


def test_the_default_is_better_than_params_on_both_spaces_and_says_so():
    (name,) = DEFAULT_PROXIES
    means = {e.space: e for e in evidence(name) if e.is_mean}
    assert means["autoformer"].tau.value >= 0.30
    assert means["pit"].tau.value >= 0.74
    assert all(means[s].beats_params for s in VITS)
    text = note(name)
    assert all(word in text for word in ("AutoFormer", "PiT", "params"))
    assert "\n" not in text


def test_known_orderings_come_out_on_cells():
    """On NAS-Bench-201 size helps, and the signs of the published figures are ours."""
    for name in ("params", "macs", "synflow", "naswot"):
        rho = {e.target: e.spearman.rho for e in evidence(name) if e.space == "nasbench201" and e.spearman}
        assert all(r.low > 0 for r in rho.values()), name


def test_protocols_name_images_and_epochs():
    said = protocols()
    assert set(said) == {*VITS, "nasbench201"}
    assert all(word in said["nasbench201"] for word in ("Fashion-MNIST", "12 epochs"))


def test_a_verdict_needs_an_interval_above_params():
    interval = Interval(0.41, 0.28, 0.52)
    worse = Evidence("autoformer", "c100_kd", 74, interval, Interval(-0.06, -0.2, 0.08), 0.47, 0.5)
    assert str(worse) == (
        "tau +0.41 [+0.28, +0.52] on AutoFormer, c100_kd (74 nets; params +0.47: no better than params)"
    )
    better = Evidence("pit", "c100_kd", 37, interval, Interval(0.1, 0.02, 0.2), 0.31, 0.3)
    assert str(better).endswith("params +0.31: better than params)")


def test_what_nobody_measured_is_a_guess():
    assert evidence("unheard_of") == []
    assert repeatability("unheard_of") == {}
    assert seconds("unheard_of") is None
    assert "guess" in note("unheard_of")


def test_reading_the_evidence_imports_no_torch():
    code = "import sys; from predictors.training_free import note, list_proxies; [note(n) for n in list_proxies()];"
    assert subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"]).returncode == 0
