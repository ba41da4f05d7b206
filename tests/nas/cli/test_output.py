"""Numbers and JSON as they are printed; durations as they are typed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nas.cli.options import seconds
from nas.cli.output import big, duration, emit, quantity
from nas.errors import NasError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("5min", 300), ("1h", 3600), ("1h30m", 5400), (" 2 H ", 7200)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "x", "5x", "-3s", "0s", "1h 3", "s", "nan", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(NasError, match="--time"):
        seconds(text)


def test_numbers() -> None:
    assert quantity("macs", 599_812_345) == "599.8 M"
    assert quantity("memory", 1_250_000, unit=False) == "1.25"
    assert quantity("params", 928) == "0.001 M"
    assert quantity("zico", math.nan) == "–"
    assert quantity("zico", 1234.5678) == "1234.6"
    assert (big(96_000), big(2.1672e16)) == ("96,000", "2.17e+16")
    assert [duration(s) for s in (None, 7.2, 125, 3840)] == ["", "7 s", "2 min 05 s", "1 h 04 min"]


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": np.int64(3), "b": np.float64("nan"), "c": (np.True_, math.inf), 4: np.float32(0.5)})
    assert json.loads(capsys.readouterr().out) == {"a": 3, "b": None, "c": [True, None], "4": 0.5}
