"""The evidence file says what it should, honestly, and without torch."""

import math
import subprocess
import sys

import pytest

from predictors.training_free import DEFAULT_PROXIES, evidence, list_proxies, note, repeatability
from predictors.training_free.worth import MEAN, Evidence, Interval


@pytest.mark.parametrize("name", [*list_proxies(), "params", "macs"])
def test_every_score_of_ours_is_measured_on_both_spaces(name):
    found = evidence(name)
    assert {e.space for e in found} == {"autoformer", "pit"}
    assert sum(e.target == MEAN for e in found) == 2
    for e in found:
        assert -1 <= e.tau.low <= e.tau.value <= e.tau.high <= 1
        assert e.over_params.value == pytest.approx(e.tau.value - e.params_tau, abs=2e-3)


def test_params_do_not_beat_themselves():
    assert not any(e.beats_params for e in evidence("params"))


@pytest.mark.parametrize("name", DEFAULT_PROXIES)
def test_defaults_say_what_they_are_worth(name):
    text = note(name)
    assert all(word in text for word in ("AutoFormer", "PiT", "params"))
    assert "\n" not in text
    assert not math.isnan(repeatability(name)["between_seeds"])


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
    assert "guess" in note("unheard_of")


def test_reading_the_evidence_imports_no_torch():
    code = "import sys; from predictors.training_free import note, list_proxies; [note(n) for n in list_proxies()];"
    assert subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"]).returncode == 0
