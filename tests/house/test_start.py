"""A start loads what it uses: what is heavy and rarely needed waits for the one who needs it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command

from gateway import cli
from gateway.foundation import rooms

RARE = {"duckdb", "pyhanko", "reportlab", "xlsxwriter", "PIL", "fontTools", "matplotlib"}
"""For a big day, a sealed document, a printed notice, a workbook: no start and no ordinary request needs them."""
NOT_FOR_WORDS = RARE | {"sqlalchemy", "alembic", "psycopg", "pydantic_settings", "httpx", "aiohttp", "fastapi", "zeep"}
"""To find the command, and to say a version, no database is opened and nobody is called."""
SERVING = """
import gateway.app, gateway.cli.serve, gateway.faces.serve
from gateway import cli
from gateway.foundation import rooms
for room in rooms.found():
    for place in (*([room.open] if room.open else []), *room.routes):
        room.place(place)
"""
LATE = [
    "gateway.foundation.delivery",
    "gateway.foundation.evidence",
    "gateway.foundation.wire",
    *(room.package for room in rooms.found() if hasattr(import_module(room.package), "__all__")),
]


def loaded(words: str) -> set[str]:
    """The packages that a fresh Python has loaded once it has done this."""
    tell = "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", words + tell], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_starts_without_a_database_and_without_a_client() -> None:
    assert not loaded("import gateway.cli; gateway.cli.commands()") & NOT_FOR_WORDS


def test_serving_starts_without_what_is_rarely_needed() -> None:
    assert not loaded(SERVING) & RARE


@pytest.mark.parametrize("package", LATE)
def test_every_name_that_a_package_shows_is_there(package: str) -> None:
    shown = import_module(package)
    assert shown.__all__
    for name in shown.__all__:
        assert getattr(shown, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        shown.nonesuch  # noqa: B018 - asking is the test


@pytest.mark.parametrize("name", list(cli.commands()))
def test_help_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    found = get_command(cli.app).commands  # type: ignore[attr-defined]
    assert cli.shown(name, found).get_short_help_str(200) == found[name].get_short_help_str(200)


def test_help_loads_no_command() -> None:
    words = "from gateway import cli\ntry:\n    cli.app(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded(words) & NOT_FOR_WORDS
