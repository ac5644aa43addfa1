"""The door to registration authorities 市场主体登记."""

from __future__ import annotations

from datetime import date
from typing import Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime

from gateway.ports.base import Adapter, Message

KIND = "registry"


class RegistrationRecord(Message):
    """Registration facts of one entity as of ``as_of``. ``status`` is normalised (facts D3); ``raw_status`` as sent."""

    uscc: str | None
    name: str
    registration_number: str | None = None
    status: Literal[
        "operating", "suspended", "liquidating", "revoked", "deregistered", "annulled", "moved_out", "other"
    ]
    raw_status: str
    entity_type: str
    category: Literal["organisation", "individual_business"]
    legal_representative: str | None = None
    established_on: date | None = None
    registered_capital: str | None = None
    address: str | None = None
    service_address: str | None = None
    scope: str | None = None
    authority: str | None = None
    as_of: AwareDatetime
    warnings: tuple[str, ...] = ()
    """What is unusual about it and taken nevertheless, for people."""


class EntitySummary(Message):
    """One hit of a search by name."""

    uscc: str | None
    name: str
    status: str


class EntityChange(Message):
    """One change of registration: what was altered, before and after."""

    uscc: str
    item: str
    before: str
    after: str
    changed_on: date


class SetAside(Message):
    """An entry of a page that could not be read: which one, counted from 0, and the members that were wrong."""

    place: int
    members: tuple[str, ...]


class ChangePage(Message):
    """Changes since a cursor; ask again with ``next_cursor`` until ``more`` is false.

    ``set_aside``: entries that could not be read; the others of the page were.
    """

    changes: tuple[EntityChange, ...]
    next_cursor: str
    more: bool
    set_aside: tuple[SetAside, ...] = ()


@runtime_checkable
class EntityRegistry(Adapter, Protocol):
    """Registration authority. All reads: no effect, so a lost answer is simply asked again."""

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        """The record for a unified social credit code; None when not registered."""
        ...

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        """Entities whose name matches; possibly none."""
        ...

    async def changes(self, cursor: str) -> ChangePage:
        """Changes since ``cursor`` ("" = from the beginning)."""
        ...

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        """The record behind a licence QR's token; None when the token is unknown. Raises RejectedError if expired."""
        ...
