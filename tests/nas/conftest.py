"""What tests of whole runs share."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs end with their front: the page and the picture take longer than a small search, and have own tests."""
    module = importlib.import_module("nas.runs.finish")
    monkeypatch.setattr(module, "report", lambda run: run.path / "report.html")
