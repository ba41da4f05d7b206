"""``nas --help`` is quick because it imports nothing heavy; help, version and usage errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nas.cli.main import COMMANDS
from tests.nas.cli.conftest import Cli

HEAVY = ("torch", "pandas", "sklearn", "ray", "numpy", "scipy", "sqlalchemy", "matplotlib", "plotly", "rich", "timm")
PROBE = """
import sys
from nas.cli.main import main
code = main({arguments!r})
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = PROBE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


SERVERS = {"serve", "runner"}
"""Commands that end when they are told to, and have no result to print."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli: Cli, command: str) -> None:
    result = cli(command, "--help")
    assert result.code == 0
    assert f"nas {command}" in result.out.partition("Options:")[0]
    assert "--json" in result.out or command in SERVERS


def test_help_says_that_flops_are_macs(cli: Cli) -> None:
    for arguments in (["--help"], ["search", "--help"]):
        assert "600MFLOPs = 600e6 MACs" in " ".join(cli(*arguments).out.split())


def test_without_a_command_help_is_shown(cli: Cli) -> None:
    assert cli().out == cli("--help").out


def test_version(cli: Cli) -> None:
    from importlib.metadata import version

    assert cli("--version").out == f"nas {version('nas')}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serach"], "search"),
        (["search", "--budgt", "600MFLOPs"], "--budget"),
        (["search", "--candidates", "many"], "'--candidates'"),
        (["build"], "ARCH"),
    ],
)
def test_usage_errors_are_one_line_with_a_way_on(cli: Cli, arguments: list[str], expected: str) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: ")
    assert expected in result.err
    assert "--help" in result.err
