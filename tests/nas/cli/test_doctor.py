"""``nas doctor``: what it says of this machine, and that it recognises a broken one."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from nas import doctor
from tests.nas.cli.conftest import Cli


def test_this_machine(cli: Cli) -> None:
    checks = cli("doctor", "--json").json
    names = {check["name"] for check in checks}
    assert {"python", "packages", "torchvision", "cpu", "cuda", "solver CBC", "disk", "shared memory"} <= names
    assert all(bool(check["hint"]) == (check["status"] != "ok") for check in checks)
    assert "ok    python: 3." in cli("doctor").out


@pytest.mark.parametrize(
    ("torch", "torchvision", "wanted", "wrong"),
    [
        ("2.13.0", "0.28.0", ["torch (==2.13.0)"], False),
        ("2.13.0+cpu", "0.28.0+cpu", ["torch (==2.13.0)"], False),
        ("2.13.0+cpu", "0.28.0", ["torch (==2.13.0)", "numpy"], True),
        ("2.12.0", "0.28.0", ["torch (==2.13.0)"], True),
        ("2.15.0", "0.29.2", ["torch (>=2.14.0)"], False),
    ],
)
def test_versions_that_do_not_belong_together(torch: str, torchvision: str, wanted: list[str], wrong: bool) -> None:
    assert doctor.mismatched(torch, torchvision, wanted) is wrong


def test_a_torchvision_that_cannot_be_imported(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CPU wheel of torch does beside PyPI's torchvision."""
    original = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist\nmore")
        return original(name, *rest)

    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0"}
    monkeypatch.setattr(doctor, "_installed", lambda name: versions.get(name, "1.9"))
    monkeypatch.setattr(builtins, "__import__", broken)
    (check,) = doctor.torchvision()
    assert check.status == "fail"
    assert "torchvision::nms does not exist" in check.detail
    assert "\n" not in check.detail
    assert "pip install" in check.hint
    assert doctor.CPU_INDEX in check.hint


def test_a_failed_check_is_exit_code_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[doctor.Check]:
        raise OSError("libc10_cuda.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "devices", broken)
    result = cli("doctor")
    assert result.code == 1
    assert "fail  devices: OSError: libc10_cuda.so" in result.out
    assert "solver CBC" in result.out


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: None if name == "onnxscript" else "1.0")
    check = doctor.packages()[-1]
    assert (check.status, check.hint) == ("fail", "pip install onnxscript")


def test_a_full_or_forbidden_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.disk(tmp_path / "not" / "there")[0].status == "ok"
    monkeypatch.setattr(doctor.os, "access", lambda *rest: False)
    assert doctor.disk(tmp_path)[0].status == "fail"
