"""Exports on demand: one process at a time, one for all who ask, none for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from nas.service.app import exports
from nas.service.app.exports import MOST_WAITING, Exports, NotExported

JOB = "0" * 32
FAKE = """
import json, os, sys, time
order = json.load(sys.stdin)
how = order["architecture"]["config"]["how"]
open(os.path.join(os.path.dirname(order["out"]), "begun"), "a").write(".")
if how == "refuse":
    print("a layer that ONNX lacks, in /srv/x/y.py", file=sys.stderr); sys.exit(2)
if how == "crash":
    print("Segmentation fault in /srv/x", file=sys.stderr); sys.exit(139)
if how == "hang":
    time.sleep(60)
open(order["out"], "w").write(order["format"])
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exports:
    """Exports by a process that does as the architecture says."""
    (tmp_path / "fake_exporting.py").write_text(FAKE)
    monkeypatch.setattr(exports, "MODULE", "fake_exporting")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Exports(tmp_path / "runs", 30.0)


def document(how: str, identity: int = 0) -> dict[str, Any]:
    """An architecture."""
    return {"id": f"{identity:012x}", "space": "x", "config": {"how": how}, "options": {}, "weights": None}


def test_one_for_all_who_ask(made: Exports, tmp_path: Path) -> None:
    """At once or later; kept in the run's folder under the architecture's id."""

    async def ask() -> list[Path]:
        found = await asyncio.gather(*(made.file(JOB, document("work"), "model.onnx") for _ in range(5)))
        return [*found, await made.file(JOB, document("work"), "model.onnx")]

    paths = set(asyncio.run(ask()))
    assert paths == {tmp_path / "runs" / JOB / "exports" / "000000000000.onnx"}
    assert paths.pop().read_text() == "onnx"
    assert (tmp_path / "runs" / JOB / "exports" / "begun").read_text() == "."


def test_what_cannot_be_exported(made: Exports) -> None:
    """Is said in one line where it is known why; a crash is for the log."""
    with pytest.raises(NotExported, match="a layer that ONNX lacks"):
        asyncio.run(made.file(JOB, document("refuse"), "model.onnx"))
    with pytest.raises(NotExported, match=r"could not be exported as state-dict$"):
        asyncio.run(made.file(JOB, document("crash"), "weights.safetensors"))


def test_one_that_hangs_is_killed(made: Exports, tmp_path: Path) -> None:
    """And the next one has its turn."""
    hasty = Exports(tmp_path / "runs", 0.5)
    with pytest.raises(NotExported, match="took longer"):
        asyncio.run(hasty.file(JOB, document("hang"), "model.onnx"))
    assert asyncio.run(made.file(JOB, document("work"), "model.onnx")).is_file()


def test_too_many(made: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are asked to come back; those that wait are made."""
    begun = asyncio.Event()

    async def slow(self: Exports, order: Any) -> None:
        await begun.wait()

    monkeypatch.setattr(Exports, "_make", slow)

    async def ask() -> None:
        waiting = [asyncio.create_task(made.file(JOB, document("work", i), "model.onnx")) for i in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as refused:
            await made.file(JOB, document("work", 99), "model.onnx")
        assert refused.value.status_code == 429
        assert refused.value.headers == {"Retry-After": "10"}
        begun.set()
        await asyncio.gather(*waiting)

    asyncio.run(ask())


def test_whoever_leaves_does_not_stop_it(made: Exports, tmp_path: Path) -> None:
    """The file is there for the next one."""

    async def ask() -> Path:
        impatient = asyncio.create_task(made.file(JOB, document("work"), "model.onnx"))
        await asyncio.sleep(0.01)
        impatient.cancel()
        return await made.file(JOB, document("work"), "model.onnx")

    assert asyncio.run(ask()).is_file()
    assert (tmp_path / "runs" / JOB / "exports" / "begun").read_text() == "."
