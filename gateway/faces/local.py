"""The socket over which commands on this machine speak to the running gateway (``foundation.http.local``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any

from gateway.faces.guarded import Guarded, GuardedConfig
from gateway.foundation.local_socket import answers, reachable
from gateway.settings import ServerSettings
from gateway.words.errors import SettingsError
from gateway.words.saying import say


class LocalConfig(GuardedConfig):
    """The listener of the machine's own operators: nobody speaks for another there."""

    def __init__(self, app: Any, bounds: ServerSettings, grace: float) -> None:
        super().__init__(app, bounds, grace)
        self.http, self.proxy_headers = FromThisMachine, False


class FromThisMachine(Guarded):
    """One connection; its client is the account at its other end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask the system whose it is."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        self.client = (_account(peer), 0)


def listen(path: Path) -> socket.socket:
    """Listen where only this account may connect. Raises SettingsError, also where another gateway listens there."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(OSError):  # told by what follows
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.umask(0o177)
    try:
        with reachable(path) as address:
            if path.is_socket():
                if answers(path):
                    raise OSError(None, "another gateway listens there")
                path.unlink()  # of one that did not end by itself
            made.bind(address)
    except OSError as error:
        made.close()
        said = say("settings.cannot_listen", bind=str(path), reason=error.strerror or str(error))
        raise SettingsError("server.socket", said) from error
    finally:
        os.umask(before)
    made.listen(64)
    made.setblocking(False)
    return made


def _account(peer: socket.socket) -> str:
    if not hasattr(socket, "SO_PEERCRED"):
        return f"uid {os.getuid()}"  # nobody else may connect
    import pwd

    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
