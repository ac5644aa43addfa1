"""The directions hold, a room imports only those that it needs, and the rules would notice if it were not so.

The rules that are the same for every house stand in pyproject.toml. Those that follow from what is in this one (its
rooms with their needs, its adapters, its parts of the foundation) are made here, and added for the run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

from gateway.foundation import rooms
from gateway.foundation.store.branches import branches

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "simulators", "contracts")

# --- rules that follow from what is there -----------------------------------------------------------------------------


def forbidden(name: str, sources: list[str], targets: list[str], **more: Any) -> dict[str, Any]:
    """No module of ``sources`` imports one of ``targets`` itself."""
    return {
        "name": name,
        "type": "forbidden",
        "source_modules": sources,
        "forbidden_modules": targets,
        "allow_indirect_imports": True,
        **more,
    }


def parts(folder: Path, package: str) -> list[str]:
    """The modules and packages that stand directly in a package."""
    place = folder / package.replace(".", "/")
    found = (one.stem for one in place.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists())
    return sorted(f"{package}.{name}" for name in found if name != "__init__")


def modules(folder: Path, package: str) -> list[str]:
    """Every module below a package, with itself."""
    files = (folder / package.replace(".", "/")).rglob("*.py")
    dotted = (".".join(file.relative_to(folder).with_suffix("").parts) for file in files if file.stem.isidentifier())
    return sorted(name.removesuffix(".__init__") for name in dotted)


def rules(folder: Path) -> Iterator[dict[str, Any]]:
    """The contracts for import-linter that follow from what stands in ``folder``."""
    everyone = rooms.found()
    for room in everyone:
        others = [one.package for one in everyone if one.name not in (room.name, *room.needs)]
        yield forbidden(f"The room {room.name} imports those that it needs", [room.package], others)
    foundation = [
        part
        for part in parts(folder, "gateway.foundation")
        if part not in ("gateway.foundation.wire", "gateway.foundation.crypto")
    ]
    own = ("gateway.words", "gateway.ports", "gateway.foundation", "gateway.adapters")
    rest = [part for part in parts(folder, "gateway") if part not in own]
    yield forbidden(
        "Adapters import words, ports, wire, crypto and contracts", ["gateway.adapters"], [*foundation, *rest]
    )
    web = [part for part in modules(folder, "gateway.foundation.http") if part != "gateway.foundation.http.views"]
    inner = [one for one in modules(folder, "gateway.rooms") if not one.endswith("routes")]
    yield forbidden("Only routes know HTTP", inner, [*web, "fastapi", "starlette"], as_packages=False)


def toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def configuration(folder: Path, place: Path) -> Path:
    """All contracts with the known exceptions, as a file for import-linter."""
    generic = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    lines = ["[tool.importlinter]", *(f"{key} = {toml(generic[key])}" for key in generic if key != "contracts")]
    for one in (*generic["contracts"], *rules(folder)):
        settings = {**one, "unmatched_ignore_imports_alerting": "none"}
        lines += ["[[tool.importlinter.contracts]]", *(f"{key} = {toml(value)}" for key, value in settings.items())]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def lint_imports(folder: Path, configured: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages in ``folder``."""
    # ``python -c`` puts the working folder first on the path: a copied tree is read, not the installed one.
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", run, "--no-logo", "--cache-dir", str(configured.with_suffix("")), "--config"]
    return subprocess.run([*command, str(configured)], cwd=folder, capture_output=True, text=True, check=False)


# --- they hold --------------------------------------------------------------------------------------------------------


def test_every_import_follows_the_rules(tmp_path: Path) -> None:
    found = lint_imports(ROOT, configuration(ROOT, tmp_path / "rules.toml"))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom in this tree."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_what_a_room_needs_it_uses(graph: grimp.ImportGraph) -> None:
    """A need is used where a module imports the other room, a table refers to one of its, a verb joins its command.

    A service is reached by its class, so who uses one imports it. An event needs nobody: who hears it works with any
    room that emits it, and an event that no room emits stops the start.
    """
    tables = {branch.name: branch for branch in branches()}
    packages = {room.name: room.package for room in rooms.found()}
    idle = {}
    for room in rooms.found():
        refers = tables[room.name].refers_to() if room.name in tables else frozenset()
        used = {
            name
            for name, package in packages.items()
            if name != room.name
            and graph.direct_import_exists(importer=room.package, imported=package, as_packages=True)
        }
        groups = {group for group, _, verb in (word.partition(" ") for word in room.commands) if verb}
        used |= {other.name for other in rooms.found() if groups & other.commands.keys()}
        used |= {name for name, branch in tables.items() if not refers.isdisjoint(one.name for one in branch.tables)}
        if unused := set(room.needs) - used:
            idle[room.name] = unused
    assert idle == {}


# --- they would notice ------------------------------------------------------------------------------------------------


AGAINST = [
    ("gateway/rooms/payments", "import gateway.adapters.nontax"),
    ("gateway/rooms/payments", "import gateway.foundation.http"),
    ("gateway/rooms/payments", "import gateway.faces.payer"),
    ("gateway/rooms/decisions", "import gateway.rooms.payments"),
    ("gateway/rooms/payments", "import gateway.rooms.disclosures"),
    ("gateway/rooms/reconciliation", "import gateway.rooms.seals"),
    ("gateway/rooms/entities", "import gateway.rooms.payments"),
    ("gateway/foundation", "import gateway.rooms.payments"),
    ("gateway/adapters/credit", "import gateway.foundation.store"),
    ("gateway/adapters/credit", "import gateway.adapters.nontax"),
    ("gateway/rooms/entities", "import aiohttp"),
    ("gateway/testing", "import simulators"),
    ("simulators", "import gateway.words.errors"),
]
"""Where an import would be against the rules, and which."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of the packages, copied and broken in each of these places."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=lambda _, names: [n for n in names if n == "__pycache__"]
        )
    for number, (place, line) in enumerate(AGAINST):
        (folder / place / f"wrong_{number}.py").write_text(f"{line}\n", encoding="utf-8")
    found = lint_imports(folder, configuration(folder, folder / "rules.toml"))
    assert found.returncode == 1
    return found.stdout


@pytest.mark.parametrize("number", range(len(AGAINST)), ids=lambda number: " ".join(AGAINST[number]))
def test_an_import_against_the_rules_is_named(told: str, number: int) -> None:
    place, line = AGAINST[number]
    assert f"{place.replace('/', '.')}.wrong_{number} -> {line.removeprefix('import ')}" in told
