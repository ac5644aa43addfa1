"""How records look from outside: amounts as decimal yuan, instants with +08:00, personal data only where needed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar, overload

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.foundation.delivery.events import Event
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.law import Rule
from gateway.words.saying import say
from gateway.words.text import Ask as Ask  # routes find both bases here

T = TypeVar("T")


@overload
def instant(micros: int) -> str: ...
@overload
def instant(micros: int | None) -> str | None: ...
def instant(micros: int | None) -> str | None:
    """Microseconds as RFC 3339 in +08:00."""
    return None if micros is None else rfc3339(from_micros(micros))


class View(BaseModel):
    """Base of what the API answers."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def showing(cls, found: object, **more: Any) -> Self:
        """What a record has under the same names, and ``more``: what is worded, or named otherwise, outside."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields if name not in more}, **more)


class RuleView(View):
    """The row of the law that a figure follows: ``value`` in ``unit``, from which day on, and where it stands.

    ``confirm``: what is to be confirmed about it before it is relied on; null where nothing is.
    """

    matter: str
    value: int | str
    unit: str
    since: date = Field(alias="from")
    source: str
    article: str
    confirm: str | None

    @classmethod
    def of(cls, row: Rule) -> Self:
        """A row as it is shown."""
        shown = row.model_dump(include={"matter", "value", "unit", "source", "article"})
        return cls.model_validate({**shown, "from": row.since, "confirm": row.confirm or None})


class Page(View, Generic[T]):
    """One page of a list, newest first; ask again with ``cursor=next`` until ``next`` is null."""

    items: list[T]
    next: str | None = Field(description="opaque; stable under inserts")


Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the previous page")]


def after(cursor: str | None) -> str | None:
    """The position inside an opaque cursor: an id, or a place among events. Raises InvalidProblem."""
    if cursor is None:
        return None
    try:
        position = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (UnicodeError, binascii.Error, ValueError):
        position = ""
    if not re.fullmatch(r"[A-Za-z0-9_.]{1,60}", position):
        raise InvalidProblem(say("http.cursor"), field="cursor")
    return position


class Identified(Protocol):
    """A record with an id by which its list is ordered."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


def cursor_after(found: Sequence[Identified], limit: int) -> str | None:
    """The cursor of the next page, or None when this page was the last."""
    return None if len(found) < limit else encode_cursor(found[-1].id)


def encode_cursor(position: str) -> str:
    """A position as an opaque cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


class EventView(View):
    """Something that happened."""

    id: str
    type: str
    subject: str
    authority: str
    at: str
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> EventView:
        """From the event."""
        return cls.showing(event, at=instant(event.at))
