"""A run's rows in a database of the user's choice."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import nas
from nas.errors import ResumeMismatch, RunError
from nas.runs import run as run_module
from nas.runs.run import Run
from nas.runs.store import Store


@pytest.mark.usefixtures("unreported")
def test_rows_go_to_the_database_that_was_named(tmp_path: Path) -> None:
    """Two runs share one database; each reads its own rows, and neither has one in its folder."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    settings = {"candidates": 600, "proxies": [], "workers": 0, "out": tmp_path, "storage": url}
    a, b = (nas.search("elasticvit-small", "20MFLOPs", seed=s, name=f"run{s}", **settings) for s in (0, 1))
    assert not (a.path / "run.sqlite").exists()
    assert len(a.store.candidates()) == len(b.store.candidates()) >= 600
    assert not a.front.equals(b.front)
    assert nas.load_run(a.path).store.last_generation() == a.spec.generations


def test_a_password_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """run.json shows the database without its password, in the command line too; resuming asks for it."""
    monkeypatch.setattr(run_module, "Store", lambda url, run: Store(f"sqlite:///{tmp_path / 'x.db'}", run))
    url = "postgresql://nas:secret@db/runs"
    spec = run_module.SearchSpec("elasticvit")
    run = Run.create(spec, tmp_path, name="run", storage=url, facts={"command": f"nas search --storage {url}"})
    assert "secret" not in (run.path / "run.json").read_text()
    with pytest.raises(ResumeMismatch, match="--storage"):
        _ = nas.load_run(run.path).store


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    """One line that says what to install, and nothing written."""
    if find_spec("pymssql") is not None:
        pytest.skip("the driver that should be missing is installed")
    with pytest.raises(RunError, match="pip install"):
        nas.search("elasticvit", storage="mssql+pymssql://x/y", workers=0, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
