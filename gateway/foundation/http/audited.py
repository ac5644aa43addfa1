"""The layer that writes down what people do over HTTP: whatever is no mere look, and each look that asks to unmask or
for a party by name or number.

It stands before the door, so no route can forget it. Case systems are no persons; what they do is told by events.
"""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.foundation.access import Principal
from gateway.foundation.access.audit import KEPT_BYTES, Act, Audit, Who
from gateway.foundation.access.keys import OPERATOR_KEY
from gateway.foundation.access.sign_in import SignIn
from gateway.foundation.http.local import PRINCIPAL
from gateway.foundation.http.problems import answer
from gateway.words.errors import GatewayError

UNMASK: Final = "unmask"
"""The query parameter that asks for persons unmasked; its value is the reason."""
PARTY: Final = "party"
"""The query parameter by which payments of one party are sought; whom is not written down."""
_LOOKS: Final = ("GET", "HEAD", "OPTIONS")
_BEARER: Final = f"Bearer {OPERATOR_KEY}_".encode()
_ID: Final = re.compile(r"[a-z]{2,4}_[0-9a-f]{32}")
_DECISION: Final = re.compile(r"/v1/decisions/([^/]+)/(.+?)(/events(?:/.*)?)?")


class Audited:
    """Serves by ``inner``; what an operator does is written down before, and with its status after."""

    def __init__(self, inner: ASGIApp, sign_in: SignIn, audit: Audit) -> None:
        self._inner, self._sign_in, self._audit = inner, sign_in, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = await self._person(scope)
        if who is None:
            await self._inner(scope, receive, send)
            return
        try:
            begun = await self._audit.begin(Who(who.client_id, who.name, who.role or ""), _act(scope))
        except GatewayError as problem:
            await answer(problem, scope["path"])(scope, receive, send)
            return
        asked = bytearray()

        async def heard() -> Message:
            message = await receive()
            if len(asked) <= KEPT_BYTES:
                asked.extend(message.get("body", b""))
            return message

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._audit.end(begun, message["status"], bytes(asked))
            await send(message)

        await self._inner(scope, heard, noted)

    async def _person(self, scope: Scope) -> Principal | None:
        """The operator who asks for what has to be written down."""
        if scope["type"] != "http" or (scope["method"] in _LOOKS and not _of_persons(scope)):
            return None
        if PRINCIPAL in scope:
            who: Principal = scope[PRINCIPAL]
            return who if who.kind == "operator" else None
        for name, value in scope["headers"]:
            if name == b"authorization" and value.startswith(_BEARER):
                try:
                    return await self._sign_in.by_key(value.decode("latin-1").partition(" ")[2])
                except GatewayError:
                    return None  # the route finds the same, and says so
        return None


def _of_persons(scope: Scope) -> bool:
    """Whether a look is at persons: plainly, or for one of them."""
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return UNMASK in query or PARTY in query


def _reason(scope: Scope) -> str | None:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return " ".join(query[UNMASK]).replace("\x00", "")[:500] if UNMASK in query else None


def _act(scope: Scope) -> Act:
    path, method, reason = scope["path"].replace("\x00", ""), scope["method"], _reason(scope)
    kind: Literal["act", "read"] = "read" if method in _LOOKS else "act"
    if found := _DECISION.fullmatch(path):
        authority, number, more = found.groups()
        action = f"{method} /v1/decisions/{{authority}}/{{number}}{_ID.sub('{id}', more or '')}"
        return Act(kind, action, f"{authority}/{number}"[:200], authority, reason)
    first = _ID.search(path)
    subject = first[0] if first else path[:200]
    return Act(kind, f"{method} {_ID.sub('{id}', path)}"[:200], subject, None, reason)
