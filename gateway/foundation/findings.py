"""What ``gateway doctor`` finds: one line each, with the cure. Rooms bring looks of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from gateway.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``warn`` should be seen to, ``fail`` must be: the gateway does not do its work."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    cure: str = ""


class Look(Protocol):
    """A room's look, named in ``Room.doctor``.

    ``read(query)`` runs a query on the database, which is there and of our schema. Raises GatewayError for what it
    cannot look at.
    """

    def __call__(self, settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterable[Finding]: ...
