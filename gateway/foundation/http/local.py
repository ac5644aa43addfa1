"""Who comes from this machine: over a socket that only the gateway's own account can open, or in this very process.

Whoever may open that socket may read the database and its keys: no password is asked of the machine's operator. What
needs a person is asked of an operator all the same, who says login and password (``Basic``), or shows a key.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.foundation.access import Access, Principal
from gateway.foundation.access.audit import UNKNOWN, Audit
from gateway.foundation.http.language import listen
from gateway.foundation.http.problems import answer
from gateway.foundation.store.engine import sqlite_path
from gateway.words.errors import GatewayError, Problem
from gateway.words.masking import mask_document
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.settings import Settings

PRINCIPAL: Final = "gateway.principal"
"""Where a layer before the routes says who is asking; nothing that was sent can say so."""
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


class AtThisMachine:
    """Serves by ``inner`` whoever comes from this machine. ``user``: the account; None: the connection says it."""

    def __init__(self, inner: ASGIApp, access: Access, audit: Audit, user: str | None = None) -> None:
        self._inner, self._access, self._audit, self._user = inner, access, audit, user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            user = self._user or scope["client"][0]
            try:
                who = await self._who(scope, user)
            except GatewayError as problem:
                listen(scope)
                await answer(problem, scope["path"])(scope, receive, send)
                return
            if who is not None:
                scope[PRINCIPAL] = who
        await self._inner(scope, receive, send)

    async def _who(self, scope: Scope, user: str) -> Principal | None:
        """Who asks; None for one with a key, which is looked at as everywhere. Raises a 401 Problem."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if given is None:
            return await self._access.of_this_machine(user)
        kind, _, words = given.decode("latin-1").partition(" ")
        if kind != "Basic":
            return None
        try:
            login, _, password = base64.b64decode(words, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeError):
            login = password = ""
        found = await self._access.authenticate_operator(login, password)
        if found is None:
            whose = await self._access.whose(login)
            shown = login if whose is not UNKNOWN else mask_document(login)  # it may be a password in the wrong place
            await self._audit.not_let_in(whose, shown, f"os:{user}")
            raise Problem(say("terminal.no_operator"), type="not-authenticated")
        return found
