"""Who is asking, what they may do, and whose records they may see.

Dependencies are coroutines even where they wait for nothing: others would each be sent through a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.foundation.access import Principal
from gateway.foundation.http.services import Base
from gateway.words.errors import NotFoundProblem, Problem

bearer = HTTPBearer(auto_error=False, description="API key of a client or an operator")


async def principal(
    base: Base, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """The caller. Raises a 401 problem."""
    found = None if credentials is None else await base.access.authenticate(credentials.credentials)
    if found is None:
        raise Problem(
            "no valid API key was given",
            type="not-authenticated",
            cure="Send `Authorization: Bearer <key>`; issue one with `gateway keys issue`.",
        )
    return found


def may(scope: str) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: the caller, who must hold this scope (403 otherwise)."""

    async def check(who: Annotated[Principal, Depends(principal)]) -> Principal:
        if scope not in who.scopes:
            raise Problem(
                f"this key does not have the scope {scope}",
                type="scope-missing",
                cure=f"Issue a key with {scope}.",
            )
        return who

    return check


def operator(scope: str) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: the caller, who must be a person with this scope (403 otherwise)."""

    async def check(who: Principal = Depends(may(scope))) -> Principal:
        if who.kind != "operator":
            raise Problem(
                "only an operator may do this",
                type="operator-needed",
                cure="Use an operator's own key: `gateway operators key`.",
            )
        return who

    return check


def require_authority(who: Principal, authority: str, what: str = "record") -> None:
    """Another tenant's record looks as if it did not exist. Raises NotFoundProblem."""
    if authority not in who.authorities:
        raise NotFoundProblem(f"no such {what}")
