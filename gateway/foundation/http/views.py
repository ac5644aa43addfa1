"""How records look from outside: amounts as decimal yuan, instants with +08:00, personal data only where needed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping

from gateway.foundation.delivery.events import Event
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.money import YuanOut
from gateway.words.text import Ask as Ask  # routes find both bases here

T = TypeVar("T")


def instant(micros: int | None) -> str | None:
    """Microseconds as RFC 3339 in +08:00."""
    return None if micros is None else rfc3339(from_micros(micros))


class View(BaseModel):
    """Base of what the API answers."""

    model_config = ConfigDict(extra="forbid")


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
        raise InvalidProblem("this cursor was not made here", field="cursor", cure="Begin without a cursor.")
    return position


class Identified(Protocol):
    """A record with an id by which its list is ordered."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


def next_cursor(rows: Sequence[RowMapping], limit: int, key: str = "id") -> str | None:
    """The cursor of the next page, or None when this page was the last."""
    return None if len(rows) < limit else encode_cursor(str(rows[-1][key]))


def cursor_after(found: Sequence[Identified], limit: int) -> str | None:
    """``next_cursor`` of records."""
    return None if len(found) < limit else encode_cursor(found[-1].id)


def encode_cursor(position: str) -> str:
    """A position as an opaque cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def masked(name: str, person: bool) -> str:
    """A name as strangers may see it: a person's first character, a firm's first two and last two."""
    if person or len(name) <= 5:
        return name[:1] + "*" * (len(name) - 1)
    return name[:2] + "*" * (len(name) - 4) + name[-2:]


class EventView(View):
    """Something that happened."""

    id: str
    type: str
    subject: str
    authority: str
    at: str
    data: dict[str, Any]

    @classmethod
    def of(cls, row: RowMapping | Event) -> EventView:
        """From the event, or its row."""
        if isinstance(row, Event):
            at = instant(row.at) or ""
            return cls(id=row.id, type=row.type, subject=row.subject, authority=row.authority, at=at, data=row.data)
        at = instant(row["at"]) or ""
        return cls(
            id=row["id"], type=row["type"], subject=row["subject"], authority=row["authority"], at=at, data=row["data"]
        )


class LineView(View):
    """One line of a payment: 罚款, 没收违法所得 or 加处罚款."""

    kind: str
    item_code: str
    item_name: str
    amount: YuanOut


class CollectionView(View):
    """Money that arrived, with its three dates: paid, cleared 清算, into the treasury 入库; ``source`` told us first.

    ``payer`` is masked; ``paid_by_another``: somebody else than the bill's payer 代缴, which is normal. Both are null
    where nobody told who paid.
    """

    bank_serial: str
    amount: YuanOut
    paid_at: str
    cleared_on: date | None
    treasury_on: date | None
    pay_mode: str
    payer: str | None
    paid_by_another: bool | None
    source: Literal["callback", "query", "statement"]


class ExceptionView(View):
    """Money that arrived in a way the bill did not foresee, with the way out that people chose.

    ``refund`` is the refund that it leads to, proposed, filed or done: ``/v1/refunds/{refund}``. One that is refused or
    dismissed leads nowhere: the exception is then open again.
    """

    id: str
    authority: str
    payment: str | None
    kind: str
    proposal: str
    state: Literal["open", "proposed", "resolved"]
    resolution: str | None
    reason: str | None
    refund: str | None
    refund_status: str | None
    proposed_by: str | None
    confirmed_by: str | None
    opened_at: str
    resolved_at: str | None

    @classmethod
    def of(cls, row: RowMapping) -> ExceptionView:
        """From its row."""
        return cls(
            id=row["id"],
            authority=row["authority"],
            payment=row["payment_id"],
            kind=row["kind"],
            proposal=row["proposal"],
            state=row["state"],
            resolution=row["resolution"],
            reason=row["reason"],
            refund=row["refund_id"],
            refund_status=row["refund_status"],
            proposed_by=row["proposed_name"],
            confirmed_by=row["confirmed_name"],
            opened_at=instant(row["opened_at"]) or "",
            resolved_at=instant(row["resolved_at"]),
        )


class PaymentSummary(View):
    """A payment in a list. ``in_doubt_since``: its outcome at the platform is being found out since then."""

    id: str
    authority: str
    decision_number: str
    instalment: int
    line_group: str
    channel: str
    status: str
    settlement: str
    amount: YuanOut
    paid_amount: YuanOut | None
    surcharge_paid: YuanOut | None
    replaces: str | None
    code: str | None
    valid_until: date | None
    due_on: date | None
    due_provisional: bool
    in_doubt_since: str | None
    doubt_reason: str | None
    reason: str | None
    paid_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def fields(cls, row: RowMapping) -> dict[str, Any]:
        """The values of a row under their public names."""
        return {
            **{
                name: row[name]
                for name in (
                    "id",
                    "authority",
                    "decision_number",
                    "instalment",
                    "line_group",
                    "channel",
                    "status",
                    "settlement",
                    "amount",
                    "paid_amount",
                    "surcharge_paid",
                    "replaces",
                    "code",
                    "due_on",
                    "doubt_reason",
                    "reason",
                )
            },
            "valid_until": row["valid_until_on"],
            "due_provisional": bool(row["due_provisional"]),
            "in_doubt_since": instant(row["in_doubt_since_at"]),
            "paid_at": instant(row["paid_at"]),
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["updated_at"]),
        }


class PaymentView(PaymentSummary):
    """One payment with everything about it. ``payer_page`` is the address behind the QR code."""

    pay_url: str | None
    payer_page: str
    lines: list[LineView]
    collections: list[CollectionView]
    exceptions: list[ExceptionView]
    timeline: list[EventView]
