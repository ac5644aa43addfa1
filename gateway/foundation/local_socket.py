"""The socket at which a running gateway is reached on this machine: where it is, and whether somebody listens."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.foundation.store.engine import sqlite_path

if TYPE_CHECKING:
    from gateway.settings import Settings

_LONGEST: Final = 100  # an address of the kind is at most 107 bytes long


def socket_of(settings: Settings) -> Path | None:
    """Where commands on this machine reach a running gateway: as ``[server]`` says, else beside a SQLite database."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    if settings.server.socket is not None:
        return settings.server.socket
    database = sqlite_path(settings.store.location())
    return None if database is None else database.with_name(database.name + ".sock")


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The socket's address as the system takes it, while this lasts: a long path is named by its folder."""
    if len(os.fsencode(path)) < _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def answers(path: Path) -> bool:
    """Whether somebody listens at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, reachable(path) as address:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
