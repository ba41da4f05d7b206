"""``nas score``: proxies of named architectures."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictors.training_free import DEFAULT_PROXIES, get_proxy, list_proxies
from tests.nas.cli.conftest import Cli

TABULAR = [n for n in list_proxies() if get_proxy(n).cost == "table"]


def test_table_of_two_architectures(cli: Cli) -> None:
    chosen = [part for name in TABULAR for part in ("--proxy", name)]
    result = cli("score", "elasticvit:S1", "elasticvit:T1", *chosen)
    assert result.code == 0, result.err
    for word in (*TABULAR, "elasticvit:S1", "elasticvit:T1", "better", "seconds", "ok", "evidence"):
        assert word in result.out


def test_json_says_how_to_read_each_value(cli: Cli) -> None:
    (document,) = cli("score", "elasticvit:S1", "--json").json
    (score,) = document["scores"]
    assert (document["name"], score["proxy"], score["outcome"]) == ("elasticvit:S1", DEFAULT_PROXIES[0], "ok")
    assert score["direction"] == get_proxy(DEFAULT_PROXIES[0]).direction
    assert score["note"]
    assert score["seconds"] >= 0


def test_timm_models_and_data(cli: Cli) -> None:
    """Digits are resized to the network's own resolution and channels; other images give another value."""
    line = ("score", "timm:test_vit", "--proxy", "grad_norm", "--json")
    on_noise, on_digits = (cli(*line, *more).json[0]["scores"][0] for more in ((), ("--data", "digits")))
    assert on_noise["outcome"] == on_digits["outcome"] == "ok"
    assert on_noise["value"] != on_digits["value"]
    assert cli(*line, "--data", "digits").json[0]["scores"][0]["value"] == on_digits["value"]


def test_what_takes_too_long_is_said_and_costs_nothing_else(cli: Cli) -> None:
    result = cli("score", "timm:test_vit", "--proxy", "params", "--proxy", "grasp", "--timeout", "0.000001")
    assert result.code == 0
    assert "timeout" in result.out
    assert "s are over" in result.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ((), "name architectures"),
        (("elasticvit:S1", "--proxy", "lee"), "unknown proxy 'lee'"),
        (("elasticvit:S99",), "S99"),
        (("timm:vit_tinyy",), "did you mean"),
        (("elasticvit:S1", "--timeout", "0"), "--timeout"),
        (("elasticvit:S1", "--table", "x.csv", "--space", "pit"), "name architectures"),
        (("elasticvit:S1", "--out", "x.csv"), "--out goes with --table"),
        (("timm:test_vit", "--proxy", "le", "--data", "digits", "--images", "5"), "--images"),
        (("timm:test_vit", "--proxy", "le", "--data", "nowhere"), "names no data set"),
    ],
)
def test_bad_input_is_one_clear_line(cli: Cli, line: tuple[str, ...], said: str) -> None:
    result = cli("score", *line)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_a_table_of_networks(cli: Cli, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text('hidden_dim,depth,num_heads,mlp_ratio\n192,2,"3,4","4.0,3.5"\n')
    result = cli("score", "--space", "autoformer", "--table", rows, "--out", tmp_path / "scores.csv")
    assert result.code == 0, result.err
    assert "1 networks scored" in result.out
    assert "score" in (tmp_path / "scores.csv").read_text().splitlines()[0]
