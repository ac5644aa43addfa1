"""What payments do when people found out that an effect never happened, and it is sent again under a new reference."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from gateway.foundation.delivery import Operation, operation_records
from gateway.ports.base import Message
from gateway.rooms.payments import records
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.states import CodeState, Status


def code_asked_again(lives: PaymentLives, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
    """The code that was never made is given up before another one is asked for: no payment has two live ones."""
    assert old.reference is not None
    now = new.created_at
    assert new.reference is not None
    was = records.fetch_code(conn, old.channel, old.reference)
    assert was is not None
    lives.code.move(conn, CodeKey(old.channel, old.reference), CodeState.REFUSED, closed_at=now)
    asked = replace(was, reference=new.reference, code=None, state=CodeState.REQUESTED, asked_at=now, closed_at=None)
    records.add_code(conn, asked)


def void_asked_again(conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
    """Nothing hangs on the reference of a void; but what was paid meanwhile is not voided any more."""
    payment = records.held(conn, new.subject)
    if payment.status is not Status.CANCELLING:
        operation_records.cancel(conn, new.id, reason=f"the payment is {payment.status} meanwhile", now=new.created_at)
