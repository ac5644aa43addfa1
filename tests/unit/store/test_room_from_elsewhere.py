"""A room of a stranger's package: its table comes with it, grows with it, and goes before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from gateway.foundation.store import schema
from gateway.foundation.store.engine import open_engine
from gateway.words.errors import NotFoundProblem, SettingsError

ROOM = """
from gateway.foundation.rooms import Room

ROOM = Room(name="visits", package="visits", needs=("payments",), tables=".tables", revisions=".revisions")
"""
TABLES = """
from sqlalchemy import Column, ForeignKey, String, Table
from gateway.foundation.store.base import metadata
from gateway.rooms.payments.tables import payment

visit = Table(
    "visit",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("payment_id", String(40), ForeignKey(payment.c.id)),
)
"""
ON_FOOT = '    Column("on_foot", String(3)),\n)'
START = "import sys; from gateway.foundation.store import schema; "
MIGRATE = START + "schema.migrate(sys.argv[1]).after >= {'visits_0001'} or sys.exit('not migrated')"
UNDO = START + "print(schema.undo(sys.argv[1], 'visits', drop_data='drop' in sys.argv))"


class Site:
    """A folder of installed packages with the room in it; without it, this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        package, info = folder / "visits", folder / "visits-1.dist-info"
        package.mkdir()
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visits\nVersion: 1\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("[gateway.rooms]\nvisits = visits.room:ROOM\n", encoding="utf-8")
        (package / "__init__.py").touch()
        (package / "room.py").write_text(ROOM, encoding="utf-8")
        (package / "tables.py").write_text(TABLES, encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python where the room is installed."""
        env = {**os.environ, "PYTHONPATH": str(self.folder)}
        return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)

    def done(self, *arguments: str) -> str:
        """What it said, having done it."""
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def revise(self, *arguments: str) -> str:
        """The text of the revision that its author has written."""
        return Path(self.done("-m", "gateway.foundation.store.revise", *arguments).strip()).read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def tables(url: str) -> set[str]:
    engine = open_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_its_table_comes_with_it_and_goes_before_it(site: Site, kind: str, request: pytest.FixtureRequest) -> None:
    database_url = request.getfixturevalue(f"{kind}_url")
    lacking = site.run("-c", MIGRATE, database_url)
    assert "visits carries no revision of its tables" in lacking.stderr
    assert "depends_on = ('payments_0001',)" in site.revise("visits")

    site.done("-c", MIGRATE, database_url)
    site.done("-c", MIGRATE, database_url)
    assert "visit" in tables(database_url)

    # without the package: said clearly, by whoever meets the database
    engine = open_engine(database_url)
    for meet in (schema.require_current, schema.upgrade):
        with pytest.raises(SettingsError, match=r"not installed: visits.*gateway migrate --undo visits"):
            meet(engine)
    with pytest.raises(NotFoundProblem, match="visits"):
        schema.undo(database_url, "visits")

    with engine.begin() as conn:
        conn.exec_driver_sql("insert into visit (id) values ('v1')")
    refused = site.run("-c", UNDO, database_url)
    assert "tables of visits hold rows: visit (1)" in refused.stderr
    assert "rows=1" in site.done("-c", UNDO, database_url, "drop")
    assert "visit" not in tables(database_url)
    schema.require_current(engine)
    engine.dispose()


@pytest.mark.nightly
def test_its_author_adds_a_revision(site: Site, sqlite_url: str) -> None:
    site.revise("visits")
    changed = site.folder / "visits" / "tables.py"
    changed.write_text(changed.read_text(encoding="utf-8").replace("\n)", "\n" + ON_FOOT), encoding="utf-8")
    added = site.revise("visits", "visitors may come on foot")
    assert 'down_revision = "visits_0001"' in added
    assert "on_foot" in added
    site.done("-c", MIGRATE.replace("0001", "0002"), sqlite_url)
    site.done("-c", UNDO, sqlite_url)
    assert "visit" not in tables(sqlite_url)


def test_a_table_that_no_room_names_is_not_forgotten(site: Site) -> None:
    hidden = site.folder / "visits" / "more.py"
    hidden.write_text((site.folder / "visits" / "tables.py").read_text().replace("visit", "tour"), encoding="utf-8")
    (site.folder / "visits" / "tables.py").write_text(TABLES + "import visits.more\n", encoding="utf-8")
    refused = site.run("-m", "gateway.foundation.store.revise", "visits")
    assert "no room names these tables in the module of its tables: tour" in refused.stderr
