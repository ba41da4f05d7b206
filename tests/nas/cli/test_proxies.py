"""``nas proxies``: every proxy with its evidence, and what a table of networks scores."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nas.errors import NasError, UnknownName
from nas.scoring_table import score_table
from predictors.training_free import DEFAULT_PROXIES, list_proxies
from tests.nas.cli.conftest import Cli

AUTOFORMER = {"hidden_dim": 192, "depth": 2, "num_heads": "3,4", "mlp_ratio": "4.0,3.5"}
PIT = {"base_dim": 16, "mlp_ratio": 2, "depth": "1,1,1", "num_heads": "2,2,4"}


def test_the_list_names_every_proxy_and_its_rivals(cli: Cli) -> None:
    result = cli("proxies")
    assert result.code == 0
    for name in list_proxies():
        assert name in result.out
    assert f"{DEFAULT_PROXIES[0]} (default)" in result.out
    for word in ("AutoFormer", "PiT", "NAS-Bench-201", "params", "no better than params"):
        assert word in result.out


def test_one_proxy_task_by_task(cli: Cli) -> None:
    result = cli("proxies", "params")
    assert result.code == 0
    assert "no better than params" in result.out
    assert "c100_kd" in result.out
    document = cli("proxies", "params", "--json").json
    assert {e["verdict"] for e in document["evidence"]} == {"no better than params"}


def test_all_as_data(cli: Cli) -> None:
    documents = {d["name"]: d for d in cli("proxies", "--json").json}
    assert set(documents) == set(list_proxies())
    assert [n for n, d in documents.items() if d["default"]] == list(DEFAULT_PROXIES)


def test_an_unknown_proxy(cli: Cli) -> None:
    result = cli("proxies", "zicoo")
    assert (result.code, result.out) == (2, "")
    assert "did you mean 'zico'" in result.err


def table(tmp_path: Path, *rows: dict[str, object]) -> Path:
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("space", "small", "large"),
    [
        ("autoformer", AUTOFORMER, {**AUTOFORMER, "depth": 3, "num_heads": "3,3,3", "mlp_ratio": "4,4,4"}),
        ("pit", PIT, {**PIT, "base_dim": 24}),
    ],
)
def test_a_table_of_networks(tmp_path: Path, space: str, small: dict[str, object], large: dict[str, object]) -> None:
    path, told = table(tmp_path, {**small, "note": "a"}, {**large, "note": "b"}), []
    found = score_table(space, path, tmp_path / "out.csv", ["params"], on_row=lambda done, of: told.append((done, of)))
    assert found["score"].iloc[0] < found["score"].iloc[1]
    assert found["params"].iloc[0] < found["params"].iloc[1]
    assert told == [(1, 2), (2, 2)]
    written = pd.read_csv(tmp_path / "out.csv")
    assert list(written.columns[:5]) == [*small, "note"]
    assert (written["score"] == written["depth_width"]).all()


@pytest.mark.parametrize(
    ("space", "row", "message"),
    [
        ("autoformer", {k: v for k, v in AUTOFORMER.items() if k != "depth"}, "no column 'depth'"),
        ("autoformer", {**AUTOFORMER, "depth": 3}, "line 2 is no network"),
        ("autoformer", {**AUTOFORMER, "mlp_ratio": "4.0,x"}, "line 2 is no network"),
        ("autoformer", {**AUTOFORMER, "hidden_dim": 3}, "embed_dim"),
        ("pit", {**PIT, "depth": "1,1"}, "one per stage"),
        ("pit", {**PIT, "base_dim": 16.5}, "whole number"),
        ("pit", {**PIT, "mlp_ratio": 0}, "above 0"),
    ],
)
def test_rows_that_are_no_network(tmp_path: Path, space: str, row: dict[str, object], message: str) -> None:
    with pytest.raises(NasError, match=message):
        score_table(space, table(tmp_path, row), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_bad_questions(tmp_path: Path) -> None:
    path = table(tmp_path, PIT)
    with pytest.raises(UnknownName, match="'pit'"):
        score_table("pitt", path)
    with pytest.raises(UnknownName, match="zico"):
        score_table("pit", path, names=["zicoo"])
    with pytest.raises(NasError, match="cannot be read"):
        score_table("pit", tmp_path / "none.csv")
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(NasError, match="0 rows"):
        score_table("pit", path)
