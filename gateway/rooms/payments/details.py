"""All that is known of one payment, read in one look at the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Event
from gateway.rooms.payments import records
from gateway.rooms.payments.hooks import Days, DaysOf
from gateway.rooms.payments.records import Collection as Money
from gateway.rooms.payments.records import Payment, PaymentFilter, PaymentLine, Unforeseen
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.foundation.http.views import View


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """One payment with its lines, its money in order of arrival, exceptions newest first, events oldest first.

    ``parts``: what other rooms show of it, by name.
    """

    payment: Payment
    lines: tuple[PaymentLine, ...]
    collections: tuple[Money, ...]
    exceptions: tuple[Unforeseen, ...]
    timeline: tuple[Event, ...]
    days: Days = field(default_factory=dict)
    parts: Mapping[str, Sequence[View]] = field(default_factory=dict)


def no_days(_conn: Connection, _channel: str, _codes: Collection[str]) -> Days:
    """Where no statements are kept."""
    return {}


def details_of(conn: Connection, payment: Payment, days_of: DaysOf = no_days) -> PaymentDetails:
    """Everything about a payment."""
    money = tuple(records.collections_of(conn, payment.id))
    return PaymentDetails(
        payment=payment,
        lines=tuple(records.lines(conn, payment.id)),
        collections=money,
        exceptions=tuple(records.exceptions_of(conn, payment.id)) if money else (),  # each is about some money
        timeline=tuple(records.timeline(conn, payment.id)),
        days=days_of(conn, payment.channel, {one.code for one in money}) if money else {},
    )


def find(narrow: PaymentFilter) -> Callable[[Connection], list[Payment]]:
    """Payments, newest first, for somebody who reads the store without the service."""
    return lambda conn: records.search(conn, narrow)


def known_as(conn: Connection, word: str) -> PaymentDetails:
    """Everything about the payment with this id or code. Raises NotFoundProblem."""
    return details_of(conn, by_id_or_code(conn, word))


def by_id_or_code(conn: Connection, word: str) -> Payment:
    """The payment with this id, or the newest with this code. Raises NotFoundProblem."""
    found = records.fetch(conn, word) or next(iter(records.search(conn, PaymentFilter(code=word, limit=1))), None)
    if found is None:
        raise NotFoundProblem(say("payments.none_called", word=word))
    return found
