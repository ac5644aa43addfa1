"""What the house promises about itself: names, commands in the pages, locks without addresses."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from sources import texts

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "simulators", "contracts", "tests", "examples")


def pages() -> list[Path]:
    """README and everything below docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> Iterator[str]:
    """Lines of a page's shell blocks that call one of our own commands."""
    for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            command = re.sub(r"^(\$ )?(\S*/)?(?=(make|gateway|simulators)(\s|$))", "", line.strip())
            if re.match(r"(make|gateway|simulators)(\s|$)", command):
                yield command


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def console_script(name: str) -> Any:
    """The command behind one of our console scripts: typer's, or an argparse parser."""
    module = __import__(f"{name}.cli", fromlist=["app"])
    return typer.main.get_command(module.app) if hasattr(module, "app") else module.parser()


def follow(command: Any, words: list[str]) -> str | None:
    """Walk the words of a command line down to its sub-command; the first word or option that is not there."""
    if isinstance(command, argparse.ArgumentParser):
        try:
            command.parse_args(words)
        except SystemExit as end:
            return " ".join(words) if end.code else None
        return None
    left = iter(words)
    for word in left:
        command = getattr(command, "whole", command)  # made from its route once it is asked for
        if word.startswith("--"):
            options = {name: one for one in command.params for name in one.opts + one.secondary_opts}
            name, given, _ = word.partition("=")
            if name not in options and name != "--help":
                return word
            if not given and name in options and not options[name].is_flag:
                next(left, None)  # its value
        elif hasattr(command, "get_command"):
            command = command.get_command(None, word)
            if command is None:
                return word
    return None


def missing(command: str) -> str | None:
    """The word of a documented command that does not exist."""
    words = shlex.split(command.partition(" #")[0].partition(" > ")[0].removesuffix("&"))
    if words[0] == "make":
        asked = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return next((word for word in asked if word not in make_targets()), None)
    return follow(console_script(words[0]), words[1:])


def test_every_command_in_the_pages_exists() -> None:
    wrong = {f"{page.name}: {line}": word for page in pages() for line in commands(page) if (word := missing(line))}
    assert wrong == {}


def test_every_command_that_a_cure_names_exists() -> None:
    """An error that sends people to a command that is not there cures nothing."""
    named = {
        command for source in texts().values() for command in re.findall(r"`(gateway(?: -?[a-z][a-z-]*)+)`", source)
    }
    assert len(named) > 5
    assert {command: word for command in named if (word := missing(command))} == {}


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("make demmo", "demmo"),
        ("gateway adapter", "adapter"),
        ("gateway adapters --jsn", "--jsn"),
        ("make demo", None),
        ("simulators srve", "srve"),
        ("simulators serve --only nontax", None),
    ],
)
def test_a_command_that_does_not_exist_would_be_noticed(command: str, word: str | None) -> None:
    assert missing(command) == word


def test_no_file_name_hides_what_the_file_is_for() -> None:
    vague = re.compile(r"utils?|helpers?|common|manager|misc")
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if "__pycache__" not in path.parts]
    assert len(paths) > 50
    assert [path for path in paths if vague.search(path.stem.lower())] == []


def test_test_folders_are_not_packages() -> None:
    """A package below tests/ would let two files of one name shadow each other; that in tests/foreign is installed."""
    tests = ROOT / "tests"
    assert [one for one in tests.rglob("__init__.py") if not one.is_relative_to(tests / "foreign")] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-mutants.lock"])
def test_locks_pin_by_hash_and_hold_no_registry_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*--(index|extra-index|find-links|trusted)", text, re.MULTILINE)
    pins = re.findall(r"^[a-z0-9].*$(?:\n    --hash=sha256:[0-9a-f]{64}.*$)*", text, re.MULTILINE)
    assert len(pins) > (15 if lock == "requirements-mutants.lock" else 60)
    assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=" not in pin] == []


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def test_tests_run_on_the_versions_that_the_demo_runs_on() -> None:
    everything, served = locked("requirements-dev.lock"), locked("requirements.lock")
    assert {name: everything.get(name) for name in served} == served


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    declared = {
        "requirements.lock": [
            *project["project"]["dependencies"],
            *extras["simulators"],
            *project["dependency-groups"]["build"],
        ],
        "requirements-dev.lock": extras["test"],
    }
    for lock, requirements in declared.items():
        names = {re.split(r"[\[<>=;! ]", requirement)[0].lower() for requirement in requirements}
        assert names - locked(lock).keys() == set()


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text(encoding="utf-8")


def test_make_help_names_every_target_for_people() -> None:
    found = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = set(re.findall(r"^ {2}make ([a-z0-9-]+)", found.stdout, re.MULTILINE))
    assert {"demo", "test", "bench", "lint", "fmt", "help"} <= named == make_targets()
