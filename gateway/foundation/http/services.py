"""What a route asks for: the foundation, or a room's service, by its class.

Dependencies are coroutines even where they wait for nothing: others would each be sent through a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from gateway.foundation.base import Foundation

T = TypeVar("T")


async def foundation(request: Request) -> Foundation:
    """What every room stands on."""
    base: Foundation = request.app.state.gateway.base
    return base


Base = Annotated[Foundation, Depends(foundation)]


def service(cls: type[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency: the service of a room, ``payments: Annotated[Payments, Depends(service(Payments))]``."""

    async def found(request: Request) -> T:
        one: T = request.app.state.gateway.get(cls)
        return one

    return found
