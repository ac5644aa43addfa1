"""Who comes from this machine: over a socket that only the gateway's own account can open, or in this very process.

Whoever may open that socket may read the database and its keys: no password is asked of the machine's operator. What
needs a person is asked of an operator all the same, who says login and password (``Basic``), or shows a key.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.foundation.access import Principal
from gateway.foundation.access.audit import UNKNOWN, Audit
from gateway.foundation.access.sign_in import SignIn
from gateway.foundation.http.language import listen
from gateway.foundation.http.problems import answer
from gateway.words.errors import GatewayError, Problem
from gateway.words.masking import mask_document
from gateway.words.saying import say

PRINCIPAL: Final = "gateway.principal"
"""Where a layer before the routes says who is asking; nothing that was sent can say so."""


class AtThisMachine:
    """Serves by ``inner`` whoever comes from this machine. ``user``: the account; None: the connection says it."""

    def __init__(self, inner: ASGIApp, sign_in: SignIn, audit: Audit, user: str | None = None) -> None:
        self._inner, self._sign_in, self._audit, self._user = inner, sign_in, audit, user

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
            return await self._sign_in.of_this_machine(user)
        kind, _, words = given.decode("latin-1").partition(" ")
        if kind != "Basic":
            return None
        try:
            login, _, password = base64.b64decode(words, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeError):
            login = password = ""
        found = await self._sign_in.by_password(login, password)
        if found is None:
            whose = await self._sign_in.whose(login)
            shown = login if whose is not UNKNOWN else mask_document(login)  # it may be a password in the wrong place
            await self._audit.not_let_in(whose, shown, f"os:{user}")
            raise Problem(say("terminal.no_operator"), type="not-authenticated")
        return found
