"""What became of refunds and exceptions, told as part of their payment's story; the steps of an exception's life."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery import Events
from gateway.rooms.payments import records as payment_records
from gateway.rooms.refunds import exception_records
from gateway.rooms.refunds.records import Refund
from gateway.words.money import format_yuan

_DECIDED = ("resolution", "reason", "proposed_by", "proposed_name", "confirmed_by", "confirmed_name", "resolved_at")


def tell_refund(conn: Connection, events: Events, refund: Refund, type: str, **data: Any) -> None:
    """Tell what became of a refund."""
    events.emit(
        conn,
        type=type,
        subject=refund.payment_id,
        authority=refund.authority,
        data={
            "refund": refund.id,
            "decision_number": refund.decision_number,
            "amount": format_yuan(refund.amount),
            **data,
        },
    )


def tell_exception(conn: Connection, events: Events, exception_id: str, type: str, **more: str) -> None:
    """Tell what became of an exception."""
    odd = exception_records.held(conn, exception_id)
    events.emit(
        conn,
        type=type,
        subject=odd.payment_id,
        authority=odd.authority,
        data={
            "decision_number": payment_records.held(conn, odd.payment_id).decision_number,
            "exception": odd.id,
            "collection": odd.collection_id,
            "kind": odd.kind.value,
            "way_out": odd.resolution,
            "refund": odd.refund_id,
            **more,
        },
    )


def propose_way_out(
    conn: Connection, events: Events, exception_id: str, way_out: str, reason: str, *, by: str, name: str
) -> None:
    """One person says what becomes of unforeseen money, in place of what was said before."""
    said = {"resolution": way_out, "reason": reason, "proposed_by": by, "proposed_name": name}
    payment_records.move_exception(conn, exception_id, ("open", "proposed"), state="proposed", **said)
    tell_exception(conn, events, exception_id, "payment.exception_proposed")


def resolve_exception(conn: Connection, exception_id: str, now: int, *, by: str, name: str) -> bool:
    """Another person agrees, which is still to be told. False when nothing is proposed any more."""
    agreed = {"confirmed_by": by, "confirmed_name": name, "resolved_at": now}
    return payment_records.move_exception(conn, exception_id, ("proposed",), state="resolved", **agreed)


def reopen_exception(conn: Connection, events: Events, refund: Refund) -> None:
    """Nothing went back: the exception whose way out this refund was wants another decision."""
    if refund.exception_id is None:
        return
    for was in ("proposed", "resolved"):
        undone = dict.fromkeys(_DECIDED)
        if payment_records.move_exception(conn, refund.exception_id, (was,), state="open", **undone):
            tell_exception(conn, events, refund.exception_id, "payment.exception_reopened", was=was, refund=refund.id)
