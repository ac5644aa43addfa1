"""The lock beside a SQLite database: one process may free leases and send, for as long as it lives.

The operating system holds it and lets go when the process dies, however it dies. The file stays, and means nothing.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString

from gateway import __version__
from gateway.foundation.store.engine import LINE, SESSION, parse_url
from gateway.foundation.store.steps import Step
from gateway.words.errors import GatewayError, SettingsError, UnavailableProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    import psycopg  # loaded only where the database is PostgreSQL

if sys.platform == "win32":
    import msvcrt

    # Far behind the text, because a locked range cannot be read by others on Windows.
    _PLACE = 1 << 20

    def _try_lock(file: int) -> bool:
        os.lseek(file, _PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_PATIENCE = 0.5
SILENT_SECONDS = 5
"""After which the server ends the session of a node that asks nothing, and its name is free."""
PATIENCE_SECONDS = SILENT_SECONDS + 2.0
_SEEN: Final = """(extract(epoch from clock_timestamp()) * 1000000)::bigint,
    array(select revision || ' ' || contracts from schema_step)"""
_PULSE: Final = f"select true, {_SEEN}"
_TAKE: Final = f"select pg_try_advisory_lock(hashtextextended(%s, 0)), {_SEEN}"


class LockedError(GatewayError):
    """Another process works on this database. ``pid`` is its process id, None when it could not be read."""

    def __init__(self, database: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            f"{holder} already works on {database}. Use the running gateway, or stop it first; "
            "several gateways share one database only on PostgreSQL."
        )
        self.database = database
        self.pid = pid


class DatabaseLock:
    """Held from ``take`` until ``release`` or the end of the process. Not inherited by child processes."""

    def __init__(self, file: int) -> None:
        self._file: int | None = file

    @classmethod
    def take(cls, database: Path) -> DatabaseLock:
        """Take the lock of a database, or raise LockedError naming who has it.

        Waits for half a second: `gateway doctor` and short commands hold it for a moment only.
        """
        beside = database.with_name(database.name + ".lock")
        file = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        until = time.monotonic() + _PATIENCE
        while not (ours := _try_lock(file)) and time.monotonic() < until:
            time.sleep(0.02)
        if not ours:
            written = os.pread(file, 20, 0) if hasattr(os, "pread") else os.read(file, 20)
            os.close(file)
            raise LockedError(database, int(written) if written.strip().isdigit() else None)
        os.lseek(file, 0, os.SEEK_SET)
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        return cls(file)

    def release(self) -> None:
        """Let go; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.ftruncate(file, 0)
            os.close(file)

    def __enter__(self) -> DatabaseLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass(frozen=True)
class Pulse:
    """What a node sees on the session that holds its name: whether it does, the database's clock, the schema.

    ``at`` in microseconds.
    """

    ours: bool
    at: int
    steps: frozenset[Step]


class NodeName:
    """The name of one node on a shared PostgreSQL: no two living processes have the same.

    An advisory lock of a session that is kept for life, and on which something is asked every second. The server ends
    it when the process dies, and when nothing was asked for ``SILENT_SECONDS``: the machine has vanished, or hangs. So
    whoever has its name is alive, and a node that has not is gone.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._address = address
        self._conn: psycopg.Connection[Any] | None = None

    @classmethod
    def take(cls, url: str, name: str, *, others: bool = False, patience: float = PATIENCE_SECONDS) -> NodeName:
        """Take the name; with ``others`` the next free one, ``node-2`` after ``node-1``. SettingsError if taken.

        Waits up to ``patience`` seconds: the server may not yet know that who had the name is dead.
        """
        address = parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        until = time.monotonic() + patience
        stem, _, number = name.rpartition("-")
        names = [name]
        if others:
            first = int(number) if number.isdigit() else 1
            names += [f"{stem or name}-{one}" for one in range(first + 1, first + 100)]
        while True:
            for each in names:
                taken = cls(each, address)
                if taken.hold():
                    return taken
            if time.monotonic() > until:
                raise SettingsError(
                    "delivery.node",
                    say("store.node_taken", name=name),
                )
            time.sleep(0.2)

    def hold(self) -> bool:
        """Make sure that the name is ours, taking it again after the server was away. False if another has it."""
        return self.pulse().ours

    def pulse(self) -> Pulse:
        """The same, with what is seen on the way. Raises UnavailableProblem."""
        import psycopg

        try:
            if self._conn is not None:
                return self._asked(self._conn, _PULSE)
        except psycopg.Error:
            self.release()
        try:
            conn = psycopg.connect(
                self._address,
                autocommit=True,
                application_name=f"gateway {__version__} {self.name}",  # read by who contracts the schema
                options=" ".join(
                    f"-c {one}={value}"
                    for one, value in {**SESSION, "idle_session_timeout": f"{SILENT_SECONDS}s"}.items()
                ),
                **LINE,
            )
            self._conn = conn
            found = self._asked(conn, _TAKE, node_key(self.name))
        except psycopg.Error as error:
            self.release()
            raise UnavailableProblem(say("store.unreachable")) from error
        if not found.ours:
            self.release()
        return found

    def release(self) -> None:
        """Let go; a second call does nothing."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    @staticmethod
    def _asked(conn: psycopg.Connection[Any], statement: LiteralString, *values: str) -> Pulse:
        row = conn.execute(statement, values).fetchone()
        assert row is not None
        ours, at, taken = row
        parts = (one.split(" ") for one in taken)
        return Pulse(ours, at, frozenset(Step(revision, contracts == "1") for revision, contracts in parts))


def node_key(name: str) -> str:
    """What the lock of a node's name is made of."""
    return f"gateway node {name}"
