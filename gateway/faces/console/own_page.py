"""The person's own page: who one is here, the password, one-time codes."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Final

import segno
from fastapi.responses import RedirectResponse, Response

from gateway.faces.console import gate
from gateway.faces.console.drawing import HOME
from gateway.faces.console.reader import HEADERS, Reader
from gateway.faces.console.sent import sent
from gateway.foundation.access import one_time
from gateway.foundation.narrowing import authorities_seen, names_of
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.saying import say

_ISSUER: Final = "gateway"


async def own_page(reader: Reader) -> Response:
    """Show it, or change what was sent: ``what`` is ``password``, ``factor`` or ``session``."""
    if reader.request.method != "POST":
        return await _shown(reader, one_time.new_secret())
    fields, _ = await sent(reader.request)
    gate.require_own_form(reader.request, fields)
    secret = _secret(fields.get("secret", ""))
    try:
        if fields.get("what") == "password":
            if fields.get("new", "") != fields.get("again", ""):
                raise InvalidProblem(say("console.not_the_same"), field="again")
            await reader.base.people.change_password(reader.visit, fields.get("old", ""), fields.get("new", ""))
        elif fields.get("what") == "session":
            await reader.base.people.end_own(reader.visit, fields.get("session", ""))
        else:
            await reader.base.people.set_factor(reader.visit, secret, fields.get("code", ""))
    except Problem as problem:
        return await _shown(reader, secret, problem)
    again = await gate.visitor(reader.request, reader.gateway)
    if again is None:  # one's own session is the one that was ended
        return RedirectResponse(f"{HOME}/sign-in", 303, HEADERS)
    reader.visit = again
    return await _shown(reader, one_time.new_secret(), done=fields.get("what"))


async def _shown(reader: Reader, secret: bytes, problem: Problem | None = None, done: str | None = None) -> Response:
    limits, look = await reader.base.access.limits(), reader.look()
    out = io.BytesIO()
    code = segno.make(one_time.address(secret, _ISSUER, reader.visit.login), error="m", micro=False)
    code.save(out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    told = None
    if problem is not None:
        told = {"detail": problem.detail_in(reader.language), "field": problem.field}
    return reader.page(
        "me.html",
        reader.pen.own("me"),
        200 if problem is None else problem.status,
        at="me",
        problem=told,
        done=done,
        sessions=[one for one in await reader.base.people.sessions() if one.operator_id == reader.visit.who.client_id],
        sees=authorities_seen(limits.get(reader.visit.who.client_id), await names_of(look)),
        secret=base64.b32encode(secret).decode(),
        written=one_time.written(secret),
        qr="data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode(),
    )


def _secret(text: str) -> bytes:
    try:
        secret = base64.b32decode(text.encode("ascii"))
    except (UnicodeError, binascii.Error):
        secret = b""
    return secret if len(secret) == 20 else one_time.new_secret()
