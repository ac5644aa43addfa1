"""Money that arrived: one function for callback, query and statement, applied once whatever tells us first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sqlalchemy import Connection, RowMapping

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.events import Events
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import records
from gateway.rooms.payments.states import Settlement, Status
from gateway.words.clock import to_micros
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan

Quoted = Callable[[Connection, RowMapping, int], int]
Source = Literal["callback", "query", "statement"]
Applied = Literal["applied", "known", "unmatched", "exception"]

# How money may arrive that the bill did not foresee, and the way out that a person is offered.
# On an expired code the sum is right and the duty stays: it is offered to be kept. All else goes back by default.
LATE_EDGES = {
    Status.EXPIRED: ("paid_after_expiry", "keep"),
    Status.CANCELLED: ("paid_after_cancel", "refund"),
    Status.REJECTED: ("paid_after_refusal", "refund"),
    Status.PAID: ("paid_twice", "refund"),
}


def nothing_quoted(_conn: Connection, _row: RowMapping, _paid_at: int) -> int:
    """For channels that add no surcharge at payment."""
    return 0


def apply_paid(
    conn: Connection,
    events: Events,
    envelope: Envelope,
    channel: str,
    fact: PaidFact,
    source: Source,
    now: int,
    quoted: Quoted = nothing_quoted,
) -> Applied:
    """Record that money arrived and move its payment. The same money again (code and bank serial) has no effect.

    Money for a code that we do not know yet is kept and applied when the code's answer arrives. A wrong amount, or
    money on a cancelled or already paid bill, opens an exception; none is dropped and none changes the state.
    ``quoted`` tells the surcharge that the platform may have added at payment.
    """
    known = records.collection_of(conn, channel, fact.code, fact.bank_serial)
    if known is not None:
        if known["amount"] != fact.amount and known["payment_id"] is not None:
            _exception(conn, events, known["payment_id"], known["id"], "told_differently", "ask_platform", now)
            return "exception"
        return "known"
    collection_id = new_id("col")
    payer = None
    if fact.payer_name:
        payer = envelope.seal(fact.payer_name.encode(), f"collection|payer|{collection_id}")
    owner = records.by_code(conn, channel, fact.code)
    records.add_collection(
        conn,
        id=collection_id,
        channel=channel,
        code=fact.code,
        bank_serial=fact.bank_serial,
        amount=fact.amount,
        paid_at=to_micros(fact.paid_at),
        pay_mode=fact.pay_mode,
        payer_sealed=payer,
        source=source,
        payment_id=owner["payment_id"] if owner is not None else None,
        received_at=now,
    )
    if owner is None:
        return "unmatched"
    row = records.fetch(conn, owner["payment_id"])
    assert row is not None
    at = to_micros(fact.paid_at)
    return settle(conn, events, row, owner, collection_id, fact.amount, at, source, now, quoted)


def settle(
    conn: Connection,
    events: Events,
    row: RowMapping,
    code: RowMapping,
    collection_id: str,
    amount: int,
    paid_at: int,
    source: Source,
    now: int,
    quoted: Quoted = nothing_quoted,
) -> Applied:
    """Move the payment that this money is for, or open the exception that it is."""
    added = amount - row["amount"]
    if added != 0 and (added < 0 or added != quoted(conn, row, paid_at)):
        _exception(conn, events, row["id"], collection_id, "amount_differs", "refund", now)
        return "exception"
    status = Status(row["status"])
    if code["state"] in ("void", "expired", "refused"):
        kind, proposal = LATE_EDGES.get(status, ("paid_on_dead_code", "refund"))
        _exception(conn, events, row["id"], collection_id, kind, proposal, now)
        return "exception"
    moved = records.move(
        conn,
        row["id"],
        Status.PAID,
        now,
        paid_at=paid_at,
        paid_amount=amount,
        surcharge_paid=added or None,
        settlement=Settlement.PENDING.value,
        in_doubt_since_at=None,
        doubt_reason=None,
    )
    if not moved:
        kind, proposal = LATE_EDGES.get(status, ("paid_unforeseen", "refund"))
        _exception(conn, events, row["id"], collection_id, kind, proposal, now)
        return "exception"
    records.change_code(conn, row["channel"], code["reference"], state="paid", closed_at=now)
    _tell_paid(conn, events, row, amount, source)
    return "applied"


def keep_late(conn: Connection, events: Events, payment_id: str, collection_id: str, now: int) -> bool:
    """Two people keep money that came on an expired code: it pays the bill. False when the bill is past that."""
    row, money = records.fetch(conn, payment_id), records.fetch_collection(conn, collection_id)
    assert row is not None
    assert money is not None
    amount = money["amount"]
    paid = {"paid_at": money["paid_at"], "paid_amount": amount, "settlement": Settlement.PENDING.value}
    added = amount - row["amount"] or None
    if row["status"] != Status.EXPIRED.value or not records.move(
        conn, payment_id, Status.PAID, now, surcharge_paid=added, **paid
    ):
        return False
    code = records.expired_code(conn, payment_id)
    if code is not None:  # it ended to live when it expired: its last day stays
        records.change_code(conn, row["channel"], code["reference"], state="paid")
    _tell_paid(conn, events, row, amount, money["source"])
    return True


def _tell_paid(conn: Connection, events: Events, row: RowMapping, amount: int, source: str) -> None:
    late = row["status"] in (Status.EXPIRED.value, Status.CANCELLING.value)
    events.emit(
        conn,
        type="payment.paid",
        subject=row["id"],
        authority=row["authority"],
        data={
            "decision_number": row["decision_number"],
            "code": row["code"],
            "amount": format_yuan(amount),
            "source": source,
            **({"after": row["status"]} if late else {}),
        },
    )


def _exception(
    conn: Connection, events: Events, payment_id: str, collection_id: str, kind: str, proposal: str, now: int
) -> None:
    row = records.fetch(conn, payment_id)
    assert row is not None
    if any(
        one["collection_id"] == collection_id and one["kind"] == kind for one in records.exceptions_of(conn, payment_id)
    ):
        return
    records.add_exception(
        conn,
        id=new_id("exc"),
        authority=row["authority"],
        payment_id=payment_id,
        collection_id=collection_id,
        kind=kind,
        proposal=proposal,
        state="open",
        opened_at=now,
    )
    events.emit(
        conn,
        type="payment.exception",
        subject=payment_id,
        authority=row["authority"],
        data={"decision_number": row["decision_number"], "kind": kind, "proposal": proposal},
    )
