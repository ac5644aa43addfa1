"""Who is asking, what they may do, and whose records they may see.

Dependencies are coroutines even where they wait for nothing: others would each be sent through a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.foundation.access import Principal
from gateway.foundation.access.keys import key_id_of
from gateway.foundation.http.local import PRINCIPAL
from gateway.foundation.http.manners import RATE
from gateway.foundation.http.services import Base
from gateway.words.errors import NotFoundProblem, Problem
from gateway.words.identifiers import in_sandbox
from gateway.words.saying import Word, say

bearer = HTTPBearer(auto_error=False, description="API key of a client or an operator")


async def principal(
    request: Request, base: Base, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """The caller. Raises a 401 problem; a key that does not let in is written down. 429 for one who asks too much."""
    if (known := request.scope.get(PRINCIPAL)) is not None:
        who: Principal = known
        return who
    found = None if credentials is None else await base.access.sign_in.by_key(credentials.credentials)
    if found is None:
        if credentials is not None:
            whose = await base.access.sign_in.whose(credentials.credentials)
            shown = key_id_of(credentials.credentials)
            await base.audit.not_let_in(whose, shown, request.client.host if request.client is not None else "")
        raise Problem(
            say("http.no_key"),
            type="not-authenticated",
        )
    if (rate := await base.access.rates.spend(found.client_id)) is not None:
        request.scope[RATE] = rate.headers
        if rate.refused:
            raise Problem(
                say("http.rate", quota=rate.quota, seconds=rate.seconds),
                type="too-many-requests",
                retry_after=rate.seconds,
            )
    return found


def may(scope: str) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: the caller, who must hold this scope (403 otherwise)."""

    async def check(who: Annotated[Principal, Depends(principal)]) -> Principal:
        if scope not in who.scopes:
            raise Problem(
                say("http.scope", scope=scope),
                type="scope-missing",
            )
        return who

    return check


def operator(scope: str) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: the caller, who must be a person with this scope (403 otherwise)."""

    async def check(who: Principal = Depends(may(scope))) -> Principal:
        return await person(who)

    return check


async def person(who: Annotated[Principal, Depends(principal)]) -> Principal:
    """A dependency: the caller, who must be a person, whatever the rights (403 otherwise)."""
    if who.kind != "operator":
        raise Problem(
            say("http.operator"),
            type="operator-needed",
        )
    return who


def require_authority(who: Principal, authority: str, what: str = "record") -> None:
    """Another tenant's record looks as if it did not exist. Raises NotFoundProblem.

    Which keys are for sandboxes is no secret, so that a key of the wrong kind is told (403).
    """
    if authority not in who.authorities:
        if who.kind == "client" and in_sandbox(authority) is not who.test:
            raise Problem(say("http.real_with_test_key" if who.test else "http.sandbox_with_live_key"), type="sandbox")
        raise NotFoundProblem(say("http.no_such", what=Word(what)))
