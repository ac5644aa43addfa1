"""Money that arrived: one function for callback, query and statement, applied once whatever tells us first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.events import Events
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import records
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.records import Code, Collection, Payment, Source, Unforeseen
from gateway.rooms.payments.states import CodeState, ExceptionState, Settlement, Status, UnforeseenKind
from gateway.words.clock import to_micros
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan

Quoted = Callable[[Connection, Payment, int], int]
Applied = Literal["applied", "known", "unmatched", "exception"]

CLOCKS_DIFFER = 30 * 60 * 1_000_000
"""How far a platform's clock may be off ours, in microseconds, before what it says about when is not believed."""

# How money may arrive that the bill did not foresee, and the way out that a person is offered.
# On an expired code the sum is right and the duty stays: it is offered to be kept. All else goes back by default.
LATE_EDGES = {
    Status.EXPIRED: (UnforeseenKind.PAID_AFTER_EXPIRY, "keep"),
    Status.CANCELLED: (UnforeseenKind.PAID_AFTER_CANCEL, "refund"),
    Status.REJECTED: (UnforeseenKind.PAID_AFTER_REFUSAL, "refund"),
    Status.PAID: (UnforeseenKind.PAID_TWICE, "refund"),
}


def nothing_quoted(_conn: Connection, _payment: Payment, _paid_at: int) -> int:
    """For channels that add no surcharge at payment."""
    return 0


@dataclass(frozen=True)
class Heard:
    """By whom and when (microseconds) money comes into our books, which need not be who told of it first.

    ``quoted`` tells the surcharge that the platform may have added at payment.
    """

    source: Source
    now: int
    quoted: Quoted = nothing_quoted


def apply_paid(
    conn: Connection,
    events: Events,
    envelope: Envelope,
    channel: str,
    fact: PaidFact,
    heard: Heard,
) -> Applied:
    """Record that money arrived and move its payment. The same money again (code and bank serial) has no effect.

    Money for a code that we do not know yet is kept and applied when the code's answer arrives. A wrong amount, or
    money on a cancelled or already paid bill, opens an exception; none is dropped and none changes the state.
    """
    now = heard.now
    if fact.amount == 0:
        return "known"  # no money: the message itself is kept as evidence
    known = records.collection_of(conn, channel, fact.code, fact.bank_serial)
    if known is not None:
        if known.amount != fact.amount and known.payment_id is not None:
            payment = records.held(conn, known.payment_id)
            _exception(conn, events, payment, known.id, UnforeseenKind.TOLD_DIFFERENTLY, "ask_platform", now)
            return "exception"
        return "known"
    collection_id = new_id("col")
    owner = records.by_code(conn, channel, fact.code)
    money = Collection(
        id=collection_id,
        channel=channel,
        code=fact.code,
        bank_serial=fact.bank_serial,
        amount=fact.amount,
        paid_at=to_micros(fact.paid_at),
        pay_mode=fact.pay_mode,
        payer_sealed=records.sealed_payer(envelope, collection_id, fact.payer_name),
        source=heard.source,
        payment_id=owner.payment_id if owner is not None else None,
        received_at=now,
    )
    records.add_collection(conn, money)
    if owner is None:
        return "unmatched"
    payment = records.held(conn, owner.payment_id)
    if fact.bill_reference not in (None, owner.reference):
        _exception(conn, events, payment, money.id, UnforeseenKind.OTHER_BILL, "ask_platform", now)
        return "exception"
    return settle(conn, events, payment, owner, money, heard)


def settle(
    conn: Connection,
    events: Events,
    payment: Payment,
    code: Code,
    money: Collection,
    heard: Heard,
) -> Applied:
    """Move the payment that this money is for, or open the exception that it is."""
    now = heard.now
    if money.source != "statement" and not _believable(code, money, now):
        _exception(conn, events, payment, money.id, UnforeseenKind.TIME, "ask_platform", now)
        return "exception"
    added = money.amount - payment.amount
    if added != 0 and (added < 0 or added != heard.quoted(conn, payment, money.paid_at)):
        _exception(conn, events, payment, money.id, UnforeseenKind.AMOUNT_DIFFERS, "refund", now)
        return "exception"
    if code.state in (CodeState.VOID, CodeState.EXPIRED, CodeState.REFUSED):
        kind, proposal = LATE_EDGES.get(payment.status, (UnforeseenKind.PAID_ON_DEAD_CODE, "refund"))
        _exception(conn, events, payment, money.id, kind, proposal, now)
        return "exception"
    if not _pay(conn, events, payment, code, money, heard.source, closed_at=now):
        payment = records.locked(conn, payment.id)  # another node may have moved it since it was read
        kind, proposal = LATE_EDGES.get(payment.status, (UnforeseenKind.PAID_UNFORESEEN, "refund"))
        _exception(conn, events, payment, money.id, kind, proposal, now)
        return "exception"
    return "applied"


def _believable(code: Code, money: Collection, now: int) -> bool:
    """Whether money can have been paid when they say: not before its bill was there, and not in the future.

    A bill is there once it was asked for, or issued if that was before (one that was brought over).
    """
    there = min(code.asked_at, code.issued_at or code.asked_at)
    return there - CLOCKS_DIFFER <= money.paid_at <= now + CLOCKS_DIFFER


def keep(conn: Connection, events: Events, payment_id: str, collection_id: str) -> bool:
    """Two people keep money that is for its bill after all: it pays it. False when the bill is past that.

    Money whose own time nobody believes was paid when we heard of it.
    """
    payment, money = records.held(conn, payment_id), records.fetch_collection(conn, collection_id)
    assert money is not None
    if payment.status is Status.EXPIRED:
        code, ended = records.expired_code(conn, payment_id), {}  # it ended when it expired: its last day stays
    else:
        code, ended = records.live_code(conn, payment_id), {"closed_at": money.received_at}
    if code is None or payment.status not in (Status.EXPIRED, Status.ISSUED):
        return False
    if any(one.kind is UnforeseenKind.TIME for one in records.exceptions_about(conn, collection_id)):
        money = replace(money, paid_at=money.received_at)
    return _pay(conn, events, payment, code, money, money.source, **ended)


def _pay(
    conn: Connection, events: Events, payment: Payment, code: Code, money: Collection, source: Source, **ended: Any
) -> bool:
    """Money pays the bill. False when the payment is in no state that leads there. ``ended`` is set on the code."""
    lives, late = PaymentLives(events), payment.status in (Status.EXPIRED, Status.CANCELLING)
    tell = {"code": payment.code, "amount": format_yuan(money.amount), "source": source}
    if not lives.payment.move(
        conn,
        payment,
        Status.PAID,
        tell={**tell, **({"after": payment.status.value} if late else {})},
        paid_at=money.paid_at,
        paid_amount=money.amount,
        surcharge_paid=money.amount - payment.amount or None,
        settlement=Settlement.PENDING.value,
        being_paid_since_at=None,
    ):
        return False
    lives.code.move(conn, CodeKey(payment.channel, code.reference), CodeState.PAID, **ended)
    return True


def _exception(
    conn: Connection,
    events: Events,
    payment: Payment,
    collection_id: str,
    kind: UnforeseenKind,
    proposal: str,
    now: int,
) -> None:
    """Open an exception; the same one again has no effect."""
    if any(one.kind is kind for one in records.exceptions_about(conn, collection_id)):
        return
    odd = Unforeseen(
        id=new_id("exc"),
        authority=payment.authority,
        payment_id=payment.id,
        collection_id=collection_id,
        kind=kind,
        proposal=proposal,
        state=ExceptionState.OPEN,
        opened_at=now,
    )
    records.add_exception(conn, odd)
    told = {"decision_number": payment.decision_number, "kind": kind.value, "proposal": proposal}
    PaymentLives(events).exception.begin(conn, odd, **told)
