"""Rules of the whole tree: imports point one way, names do not collide, start-up is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {"search_spaces": set(), "predictors": {"search_spaces"}, "nas": {"search_spaces", "predictors"}}
OURS = set(MAY_IMPORT)
WITHOUT_TORCH = ("search_spaces/space.py", "search_spaces/operators.py", "search_spaces/pricing.py",
                 "search_spaces/counting.py", "nas/engine/island.py", "nas/engine/driver.py")  # fmt: skip


@cache
def imports(path: Path) -> frozenset[str]:
    """Top-level names of every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:  # a relative import stays inside its package
            found.add((node.module or "").partition(".")[0])
    return frozenset(found)


@pytest.mark.parametrize("package", sorted(OURS))
def test_imports_point_one_way(package: str) -> None:
    """search_spaces imports nothing of ours, predictors only search_spaces, nas both."""
    forbidden = OURS - MAY_IMPORT[package] - {package}
    wrong = {str(p.relative_to(ROOT)): imports(p) & forbidden for p in (ROOT / package).rglob("*.py")}
    assert not {path: names for path, names in wrong.items() if names}


def test_ray_only_at_the_edge() -> None:
    """Three modules know Ray: those that launch islands and trainings, and the doctor that looks for it."""
    users = {str(p.relative_to(ROOT)) for p in (ROOT / "nas").rglob("*.py") if "ray" in imports(p)}
    assert users <= {"nas/engine/ray_launcher.py", "nas/training/ray_launcher.py", "nas/cli/doctor.py"}


def test_pydantic_pandas_sqlalchemy_stay_in_nas() -> None:
    """The core runs on a machine with NumPy, torch and timm only."""
    heavy = {"pydantic", "pandas", "sqlalchemy", "ray", "typer", "rich"}
    files = [p for package in ("search_spaces", "predictors") for p in (ROOT / package).rglob("*.py")]
    assert not [str(p) for p in files if imports(p) & heavy]


def test_the_training_core_runs_on_numpy_torch_and_timm() -> None:
    """Only its launcher knows more."""
    heavy = {"pydantic", "pandas", "sqlalchemy", "ray", "typer", "rich"}
    core = [p for p in (ROOT / "nas" / "training").rglob("*.py") if p.name != "ray_launcher.py"]
    assert core
    assert not [str(p) for p in core if imports(p) & heavy]


def run_python(code: str) -> str:
    """Standard output of a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


LIGHT = (
    "import nas",
    "import search_spaces",
    "import nas.engine.island",
    "from search_spaces import get_space; get_space('elasticvit').prices",
)


@pytest.mark.parametrize("statement", LIGHT)
def test_light_imports(statement: str) -> None:
    """What prices and evolves needs neither torch nor ray nor pandas."""
    heavy = run_python(f"{statement}; import sys; print([m for m in ('torch', 'ray', 'pandas') if m in sys.modules])")
    assert heavy == "[]"


def test_public_names_are_functions_and_not_packages() -> None:
    """No public function shares a sub-package's name: importing the package must not hide the function."""
    import nas

    for name in nas.__all__:
        assert not (ROOT / "nas" / name).exists()
        assert not (ROOT / "nas" / f"{name}.py").exists()
        assert callable(getattr(nas, name))
        assert callable(getattr(nas, name))


@pytest.mark.slow
def test_the_wheel_searches_outside_the_checkout(tmp_path: Path) -> None:
    """Built, installed beside the dependencies of this environment, and run from another folder."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    wheel = next(tmp_path.glob("*.whl"))
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import nas\nassert nas.__file__.startswith(sys.path[0]), nas.__file__\n"
        "run = nas.search('elasticvit', '600MFLOPs', candidates=500, proxies=[], workers=0)\n"
        "assert (run.path / 'report.html').exists() and len(run.front)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
