"""The directions between rooms hold, and the rule that holds them would notice if they did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages in ``folder``."""
    # ``python -c`` puts the working folder first on the path: a copied tree is read, not the installed one.
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", run, "--no-logo", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_import_follows_the_directions_between_rooms() -> None:
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, copied, to be broken on purpose."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("gateway", "simulators", "contracts"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=lambda _, names: [n for n in names if n == "__pycache__"]
        )
    return folder


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("gateway/rooms/payments/wrong.py", "import gateway.adapters.nontax"),
        ("gateway/rooms/payments/wrong.py", "import gateway.foundation.http"),
        ("gateway/rooms/decisions/wrong.py", "import gateway.rooms.payments"),
        ("gateway/rooms/payments/wrong.py", "import gateway.rooms.disclosures"),
        ("gateway/rooms/reconciliation/wrong.py", "import gateway.rooms.seals"),
        ("gateway/adapters/credit/wrong.py", "import gateway.foundation.store"),
        ("gateway/adapters/credit/wrong.py", "import gateway.adapters.nontax"),
        ("gateway/rooms/entities/wrong.py", "import aiohttp"),
        ("gateway/wrong.py", "import simulators"),
        ("simulators/wrong.py", "import gateway.words.errors"),
    ],
)
def test_an_import_against_the_directions_is_named(copy: Path, module: str, line: str) -> None:
    wrong = copy / module
    wrong.write_text(f"{line}\n", encoding="utf-8")
    try:
        found = lint_imports(copy, "--no-cache")
    finally:
        wrong.unlink()
    assert found.returncode == 1
    assert "BROKEN" in found.stdout
    dotted = module.removesuffix(".py").replace("/", ".")
    assert f"{dotted} -> {line.removeprefix('import ')}" in found.stdout
