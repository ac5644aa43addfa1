"""``gateway adapters new``: a package that keeps every promise from the start."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sources import LEAN

from gateway.testing.ports_page import page
from gateway.testing.simulated import BENCHES
from gateway.testing.starting import Begun, begin
from gateway.words.errors import SettingsError

PAGE = Path(__file__).parents[2] / "docs" / "ports.md"


def begun(like: str, folder: Path) -> Begun:
    """A package called Anlan, in a folder."""
    return begin(like.partition(".")[0], "anlan", like=like, folder=folder / "package")


@pytest.mark.parametrize("like", BENCHES)
@pytest.mark.cases_by_day(3)
def test_a_package_stands_on_nothing_of_the_adapter_that_it_began_as(like: str, tmp_path: Path) -> None:
    made = begun(like, tmp_path)
    kind = like.partition(".")[0]
    assert (made.adapter, made.like) == (f"{kind}.anlan", like)
    for file in made.files:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".py":
            ast.parse(text)
            assert "gateway.adapters" not in text
        assert f'"{like}"' not in text
    entry = (made.folder / "pyproject.toml").read_text(encoding="utf-8")
    module, name = re.search(rf'"{kind}\.anlan" = "(\S+):(\w+)"', entry).groups()  # type: ignore[union-attr]
    assert f"class {name}" in (made.folder / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")


@pytest.mark.nightly
def test_a_package_keeps_every_promise_once_it_is_installed(tmp_path: Path) -> None:
    made, site = begun("registry.sharing", tmp_path), tmp_path / "site"

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=made.folder,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), ".")
    assert re.search(r"registry\.anlan: \d+ promises kept, 0 broken", run("pytest", *LEAN))


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("ferry", "anlan", "kind"),
        ("nontax", "An lan", "name"),
        ("nontax", "soap", "name"),
        ("timestamp", "anlan", "like"),
    ],
)
def test_what_cannot_be_begun_is_said_and_nothing_is_written(kind: str, name: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        begin(kind, name, folder=tmp_path / "package")
    assert told.value.key == key
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is there already"):
        begin("nontax", "anlan", folder=tmp_path)


def test_the_page_of_the_ports_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "gateway adapters ports > docs/ports.md"
    with pytest.raises(SettingsError):
        page("ferry")
