"""What must stand of cash, by its events and by the bill that remits it. Pure but for reading the rows.

Nobody outside tells of cash in an officer's hand. What the bank was paid for it is its bill's: platforms speak of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.rooms.cash import records
from gateway.rooms.cash.records import CashTaken
from gateway.rooms.cash.states import LIFE, CashStatus
from gateway.rooms.cash.tables import cash_taken
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Status
from gateway.words.money import format_yuan
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class Part:
    """One sum of cash, the bill that remits it, and what all the cash of that bill comes to (fen)."""

    cash: CashTaken
    bill: Payment | None
    remitted: int


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Part]:  # noqa: ARG001
    return [_part(conn, cash) for cash in records.after(conn, after, most)]


def _part(conn: Connection, cash: CashTaken) -> Part:
    if cash.payment_id is None:
        return Part(cash, None, 0)
    bill = payment_records.held(conn, cash.payment_id)
    return Part(cash, bill, sum(one.amount for one in records.of_bill(conn, cash.payment_id)))


def must(one: Part, said: Said) -> Iterator[Amiss]:
    """What is amiss with cash."""
    cash, bill = one.cash, one.bill
    if cash.status not in LIFE.led([event.type for event in said.events]):
        yield Amiss(say("books.state", state=cash.status.value))
    amount = format_yuan(cash.amount)
    told = {str(event.data["amount"]) for event in said.events if event.type == "cash.taken"}
    if told - {amount}:
        yield Amiss(say("books.event_amount", amount=amount, told=min(told - {amount})))
    if (bill is not None) is not (cash.status in (CashStatus.BILLED, CashStatus.REMITTED)):
        yield Amiss(say("books.state", state=cash.status.value))
    if bill is None:
        return
    if (bill.status is Status.PAID) is not (cash.status is CashStatus.REMITTED):
        yield Amiss(say("books.remitted_by", state=bill.status.value))
    if bill.amount != one.remitted:
        yield Amiss(say("books.lines", amount=format_yuan(bill.amount)))


BOOKS = (Books("cash", _page, lambda one: one.cash.id, lambda one: (one.cash.id,), must, cash_taken.c.id, "csh"),)
