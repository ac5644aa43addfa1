"""What the simulators remember: documents in one SQLite file, committed before an answer leaves, kept over a restart.

A document is a JSON object under (system, kind, key), with an optional ``group`` to list a part of a kind by. Kinds
whose name begins with an underscore (keys, ports) survive a reset. Everything runs on the event loop's thread.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS documents (
  position INTEGER PRIMARY KEY AUTOINCREMENT, system TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  grp TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (system, kind, key));
CREATE INDEX IF NOT EXISTS documents_by_group ON documents (system, kind, grp, position);
CREATE TABLE IF NOT EXISTS counters (
  system TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (system, name));
CREATE TABLE IF NOT EXISTS effects (
  system TEXT NOT NULL, operation TEXT NOT NULL, reference TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (system, operation, reference));
CREATE TABLE IF NOT EXISTS journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, system TEXT NOT NULL, operation TEXT NOT NULL,
  key TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER, outcome TEXT NOT NULL, fault TEXT,
  request TEXT NOT NULL, answer TEXT NOT NULL);
"""


class Transaction:
    """Reads and writes that become durable together."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.hooks: list[Callable[[], None]] = []

    def get(self, system: str, kind: str, key: str) -> Document | None:
        """One document, or None. The caller owns the copy; ``put`` it back to change it."""
        row = self.connection.execute(
            "SELECT body FROM documents WHERE system=? AND kind=? AND key=?", (system, kind, key)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, system: str, kind: str, key: str, document: Document, group: str = "") -> None:
        """Store one document, new or replaced; its place in lists stays that of the first time."""
        body = json.dumps(document, ensure_ascii=False)
        self.connection.execute(
            "INSERT INTO documents (system, kind, key, grp, body) VALUES (?,?,?,?,?)"
            " ON CONFLICT (system, kind, key) DO UPDATE SET body=excluded.body, grp=excluded.grp",
            (system, kind, key, group, body),
        )

    def delete(self, system: str, kind: str, key: str) -> bool:
        """Forget one document; whether there was one."""
        done = self.connection.execute("DELETE FROM documents WHERE system=? AND kind=? AND key=?", (system, kind, key))
        return done.rowcount == 1

    def list(self, system: str, kind: str, group: str | None = None) -> list[tuple[str, Document]]:
        """Keys and documents of one kind, oldest first; only those of ``group`` where one is given."""
        if group is None:
            rows = self.connection.execute(
                "SELECT key, body FROM documents WHERE system=? AND kind=? ORDER BY position", (system, kind)
            )
        else:
            rows = self.connection.execute(
                "SELECT key, body FROM documents WHERE system=? AND kind=? AND grp=? ORDER BY position",
                (system, kind, group),
            )
        return [(key, json.loads(body)) for key, body in rows]

    def next(self, system: str, counter: str) -> int:
        """The next number of a counter, from 1, never given twice."""
        row = self.connection.execute(
            "INSERT INTO counters (system, name, value) VALUES (?,?,1)"
            " ON CONFLICT (system, name) DO UPDATE SET value=value+1 RETURNING value",
            (system, counter),
        ).fetchone()
        return int(row[0])

    def effect(self, system: str, operation: str, reference: str) -> None:
        """Count one effect that really happened under a caller's reference; ``/_sim/effects`` shows the counts."""
        self.connection.execute(
            "INSERT INTO effects (system, operation, reference, count) VALUES (?,?,?,1)"
            " ON CONFLICT (system, operation, reference) DO UPDATE SET count=count+1",
            (system, operation, reference),
        )

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Run ``hook`` once everything is durable; not at all when the transaction is rolled back."""
        self.hooks.append(hook)


class State:
    """The file behind all simulators of one process."""

    def __init__(self, file: Path | str) -> None:
        self.connection = sqlite3.connect(str(file), isolation_level=None, check_same_thread=False)
        # A killed process loses nothing with WAL and NORMAL; only a power cut could, and that is not simulated.
        self.connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_TABLES}")
        self.open: Transaction | None = None
        #: How often this process has reset it.
        self.resets = 0
        #: Whether it was let go of.
        self.closed = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing, durable on leaving. A transaction inside another joins it."""
        if self.open is not None:
            yield self.open
            return
        tx = self.open = Transaction(self.connection)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield tx
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        finally:
            self.open = None
        for hook in tx.hooks:
            hook()

    def copy_kept(self, other: State, *, without: str) -> None:
        """Give another state what survives a reset here, but for one kind."""
        rows = self.connection.execute(
            "SELECT system, kind, key, grp, body FROM documents WHERE kind LIKE '\\_%' ESCAPE '\\' AND kind != ?",
            (without,),
        )
        with other.transaction() as tx:
            tx.connection.executemany(
                "INSERT INTO documents (system, kind, key, grp, body) VALUES (?,?,?,?,?)", rows.fetchall()
            )

    def reset(self) -> None:
        """Forget everything but the kinds that begin with an underscore."""
        self.resets += 1
        with self.transaction() as tx:
            tx.connection.execute("DELETE FROM documents WHERE kind NOT LIKE '\\_%' ESCAPE '\\'")
            for table in ("counters", "effects", "journal"):
                tx.connection.execute(f"DELETE FROM {table}")

    def dump(self, system: str | None = None) -> dict[str, dict[str, dict[str, Document]]]:
        """Everything as system → kind → key → document."""
        found: dict[str, dict[str, dict[str, Document]]] = {}
        for name, kind, key, body in self.connection.execute(
            "SELECT system, kind, key, body FROM documents ORDER BY position"
        ):
            if system in (None, name):
                found.setdefault(name, {}).setdefault(kind, {})[key] = json.loads(body)
        return found

    def effects(self, system: str | None = None) -> dict[str, dict[str, dict[str, int]]]:
        """Effects that happened as system → operation → reference → count."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for name, operation, reference, count in self.connection.execute(
            "SELECT system, operation, reference, count FROM effects"
        ):
            if system in (None, name):
                found.setdefault(name, {}).setdefault(operation, {})[reference] = count
        return found

    def close(self) -> None:
        """Let go of the file."""
        self.closed = True
        self.connection.close()


def b64(data: bytes) -> str:
    """Bytes as Base64 text, as documents keep them."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The bytes of Base64 text."""
    return base64.b64decode(text)
