"""What the documents refer to exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_threat_model_names_tests_and_code_that_exist() -> None:
    """Each defence in docs/security.md is shown by a test, and found in the code."""
    text = (ROOT / "docs" / "security.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 20
    assert not {name for name in named if f"def {name}(" not in tests}
    files = set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.py|(?:[\w-]+/)+)`", text)) - {"docker/", "/static/"}
    places = (ROOT, ROOT / "nas" / "service")
    assert len(files) > 10
    assert not {name for name in files if not any((place / name).exists() for place in places)}
