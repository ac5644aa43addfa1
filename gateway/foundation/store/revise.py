"""Write revisions from what the tables say: for developers, ``python -m gateway.foundation.store.revise``.

Without arguments it rewrites the initial revision of every branch of this distribution, and with a room's name that of
the room; so it goes until the first release. With a room's name and a message it adds a revision, which leads from the
room's last one to the present definitions. ``foundation`` names the foundation's own branch. What takes away or forbids
something is marked as contracting, and is a revision of its own (docs/upgrading.md).
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Table

from gateway.foundation.store import schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.branches import Branch, branches
from gateway.foundation.store.engine import open_engine

_REVISION = '''\
"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {follows}
branch_labels = {labels}
depends_on = {depends_on}
{contracts}

def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''


def revise(room: str | None = None, message: str | None = None) -> list[Path]:
    """Write the revisions; returns their paths. SystemExit says why one cannot be written."""
    everyone = branches()
    if orphans := set(all_tables().tables) - {table.name for one in everyone for table in one.tables}:
        raise SystemExit(f"no room names these tables in the module of its tables: {', '.join(sorted(orphans))}")
    if room is None:
        ours = Path(schema.__file__).parents[2]
        return [_write(one, everyone, None) for one in everyone if one.folder.is_relative_to(ours)]
    chosen = next((one for one in everyone if one.name == room), None)
    if chosen is None:
        raise SystemExit(f"no room {room} has tables: there are {', '.join(one.name for one in everyone)}")
    return [_write(chosen, everyone, message)]


def _released(branch: Branch) -> bool:
    """Whether a release has revisions of this branch (``packaging/release.py`` lists them)."""
    listed = Path(__file__).with_name("released.txt")
    mine = f"/{branch.folder.parent.name}/{branch.folder.name}/"
    return listed.exists() and any(mine in f"/{line.split()[1]}" for line in listed.read_text("utf-8").splitlines())


def _write(branch: Branch, everyone: Collection[Branch], message: str | None) -> Path:
    known = _revisions(branch)
    if message is None and len(known) > 1:
        raise SystemExit(f"{branch.name} has more than its initial revision: give a message to add another")
    if message is None and _released(branch):
        raise SystemExit(f"{branch.name} was released, and what was released stays: give a message to add a revision")
    if message is not None and not known:
        raise SystemExit(f"{branch.name} has no revision yet: leave the message out")
    number = 1 if message is None else len(known) + 1
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/empty.db")
        if message is not None:
            schema.upgrade(engine)
        options = {**schema.comparison_options(), "include_object": _only(branch)}
        with engine.begin() as conn:
            context = MigrationContext.configure(conn, opts=options)
            script = produce_migrations(context, all_tables())
            assert script.upgrade_ops is not None
            assert script.downgrade_ops is not None
            text = _REVISION.format(
                message=message or "initial",
                revision=_name(branch, number),
                follows=f'"{_name(branch, number - 1)}"' if number > 1 else None,
                labels=f'("{branch.name}",)' if number == 1 else None,
                depends_on=_depends_on(branch, everyone),
                contracts="" if message is None else _contracts(_code(script.upgrade_ops, context)),
                upgrade=_code(script.upgrade_ops, context),
                downgrade=_code(script.downgrade_ops, context),
            )
        engine.dispose()
    branch.folder.mkdir(exist_ok=True)
    for file in known if message is None else ():
        file.unlink()
    slug = re.sub(r"\W+", "_", (message or "initial").lower())[:40].strip("_")
    path = branch.folder / f"{number:04}_{slug}.py"
    path.write_text(text, encoding="utf-8")
    return path


def narrows(upgrade: str) -> list[str]:
    """What in the code of a revision the version before does not bear.

    That is whatever is neither a new table, nor a column that may be left out, nor an index that forbids nothing.
    """
    calls = _operations(upgrade)
    made = {_word(one.args[0]) for one, _ in calls if _verb(one) == "create_table"}
    return [ast.unparse(one)[:80] for one, of in calls if not _adds(one, {of, *map(_word, one.args)} & made)]


def _operations(upgrade: str) -> list[tuple[ast.Call, str]]:
    """The calls of Alembic's operations in the code of a revision, and of which table those of a batch are."""
    tree = ast.parse(textwrap.dedent(upgrade))
    blocks = (one for one in ast.walk(tree) if isinstance(one, ast.With))
    of = {call: _word(_calls(block.items[0])[0].args[0]) for block in blocks for call in _calls(block)}
    return [(one, of.get(one, "")) for one in _calls(tree) if _verb(one) not in ("", "f", "batch_alter_table")]


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(tree) if isinstance(one, ast.Call)]


def _adds(call: ast.Call, made: Collection[str]) -> bool:
    match _verb(call):
        case "create_table":
            return True
        case "add_column":
            column = next(one for one in call.args if isinstance(one, ast.Call))
            return _told(column).get("nullable") != "False" or "server_default" in _told(column)
        case "create_index":
            return bool(made) or _told(call).get("unique") != "True"
        case _:
            return False


def _verb(call: ast.Call) -> str:
    """Which of Alembic's operations is called; empty for another call."""
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    ours = isinstance(of, ast.Name) and of.id in ("op", "batch_op")
    return call.func.attr if ours and isinstance(call.func, ast.Attribute) else ""


def _told(call: ast.Call) -> dict[str | None, str]:
    return {one.arg: ast.unparse(one.value) for one in call.keywords}


def _word(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _contracts(upgrade: str) -> str:
    """The line that says that a revision contracts. SystemExit where it expands as well: those are two revisions."""
    narrowing = narrows(upgrade)
    if narrowing and len(narrowing) < len(_operations(upgrade)):
        raise SystemExit(f"this adds and takes away at once: make two revisions. What takes away: {narrowing[0]}")
    return "contracts = True\n" if narrowing else ""


def _revisions(branch: Branch) -> list[Path]:
    return sorted(branch.folder.glob("[0-9]*.py"))


def _name(branch: Branch, number: int) -> str:
    return f"{branch.name}_{number:04}"


def _depends_on(branch: Branch, everyone: Collection[Branch]) -> tuple[str, ...] | None:
    """The revisions that make the tables of others to which tables of ours refer.

    Not the last ones of their branches: what was added to a table later can be undone beneath ours.
    """
    wanted = branch.refers_to()
    made = (
        _name(one, number)
        for one in everyone
        for number, file in enumerate(_revisions(one), start=1)
        if not wanted.isdisjoint(re.findall(r"op\.create_table\(\s*['\"](\w+)", file.read_text(encoding="utf-8")))
    )
    return tuple(made) or None


def _only(branch: Branch) -> Any:
    mine = {table.name for table in branch.tables}

    def include(one: Any, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        return kind != "table" or (isinstance(one, Table) and name in mine)

    return include


def _code(ops: Any, context: MigrationContext) -> str:
    rendered = render_python_code(ops, render_as_batch=True, migration_context=context)
    lines = (line.rstrip() for line in f"    {rendered}".splitlines())
    return "\n".join(line for line in lines if not line.startswith("    # ###")).rstrip()


if __name__ == "__main__":
    room_name = sys.argv[1] if len(sys.argv) > 1 else None
    print(*revise(room_name, " ".join(sys.argv[2:]) or None), sep="\n")
