"""The command line in this process: arguments in, exit code and both streams out. Two small finished runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.cli.main import main

QUICK = ["--workers", "0", "--candidates", "1500", "--proxy", "none", "--img-size", "128"]


@dataclass(frozen=True)
class Result:
    """What a person sees."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as one JSON document."""
        return json.loads(self.out)


Cli = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """``cli("price", "elasticvit:S1")``, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # what a test reads must not depend on who started it

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        streams = capsys.readouterr()
        return Result(code, streams.out, streams.err)

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two finished searches that differ in their seed; table objectives only, so they take a second or two."""
    folder = tmp_path_factory.mktemp("runs")
    made = [
        nas.search(
            "elasticvit", "200MFLOPs", proxies=[], candidates=1500, workers=0, seed=seed, out=folder,
            name=f"seed{seed}", img_size=128, num_classes=10,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    return made[0].path, made[1].path
