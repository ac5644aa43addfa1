"""What must stand of refunds, by what the platform was asked and told. Pure but for reading the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.ports.nontax import RefundNotice
from gateway.rooms.refunds import records
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import LIFE, RefundOrigin, RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.money import format_yuan
from gateway.words.saying import say

_AT_THE_PLATFORM = {
    RefundStatus.FILED: {"filed"},
    RefundStatus.APPROVED: {"approved"},
    RefundStatus.REFUNDED: {"refunded"},
    RefundStatus.REFUSED: {"refused"},
}


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Refund]:  # noqa: ARG001
    return records.after(conn, after, most)


def must(one: Refund, said: Said) -> Iterator[Amiss]:
    """What is amiss with a refund."""
    events = [event.type for event in said.events if event.data.get("refund") == one.id]
    if one.status not in LIFE.led(events):
        yield Amiss(say("books.state", state=one.status.value))
    for filed in said.of("nontax.refund"):
        wanted = (one.code, one.bank_serial, one.amount)
        asked = (filed.asked["code"], filed.asked["bank_serial"], filed.asked["amount"])
        if filed.reference == one.reference and asked != wanted:
            told = format_yuan(int(filed.asked["amount"]))
            yield Amiss(say("books.amount", amount=format_yuan(one.amount), told=told))
    wanted_there = _AT_THE_PLATFORM.get(one.status)
    if wanted_there is None or one.origin is RefundOrigin.PLATFORM:
        return
    by_statement = one.status is RefundStatus.REFUNDED and one.returned_serial is not None
    if not by_statement and not _states(one, said) & wanted_there:
        yield Amiss(say("books.nobody_said", state=one.status.value), unproven=True)


def _states(one: Refund, said: Said) -> set[str]:
    """The states that the platform told of this refund."""
    told = {
        str(answer.proven["state"])
        for answer in said.of("nontax.refund", "nontax.find_refund")
        if answer.proven is not None and answer.proven["reference"] == one.reference
    }
    told |= {"refused" for answer in said.of("nontax.refund") if answer.refused}
    return told | {
        notice.refund.state.value
        for _, notice in said.notices
        if isinstance(notice, RefundNotice) and notice.refund is not None and notice.reference == one.reference
    }


BOOKS = (Books("refunds", _page, lambda one: one.id, lambda one: (one.id, one.payment_id), must, refund.c.id, "rfd"),)
