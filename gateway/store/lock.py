"""The lock beside a SQLite database: one process may free leases and send, for as long as it lives.

The operating system holds it and lets go when the process dies, however it dies. The file stays, and means nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gateway.errors import GatewayError

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
        """Take the lock of a database, or raise LockedError naming who has it."""
        beside = database.with_name(database.name + ".lock")
        file = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _try_lock(file):
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
