"""What payments do when people found out that an effect never happened, and it is sent again under a new reference."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from gateway.foundation.delivery import Operation, ledger
from gateway.ports.base import Message
from gateway.rooms.payments import records
from gateway.rooms.payments.states import Status
from gateway.rooms.payments.tables import payment_code


def code_asked_again(conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
    """The code that was never made is given up before another one is asked for: no payment has two live ones."""
    assert old.reference is not None
    now = new.created_at
    records.change_code(conn, old.channel, old.reference, state="refused", closed_at=now)
    was = (
        conn.execute(
            select(payment_code).where(payment_code.c.channel == old.channel, payment_code.c.reference == old.reference)
        )
        .mappings()
        .one()
    )
    kept = {name: was[name] for name in was if name not in ("reference", "code", "state", "asked_at", "closed_at")}
    asked = {"reference": new.reference, "state": "requested", "asked_at": now}
    conn.execute(insert(payment_code), {**kept, **asked})


def void_asked_again(conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
    """Nothing hangs on the reference of a void; but what was paid meanwhile is not voided any more."""
    row = records.fetch(conn, new.subject)
    assert row is not None
    if row["status"] != Status.CANCELLING.value:
        ledger.cancel(conn, new.id, reason=f"the payment is {row['status']} meanwhile", now=new.created_at)
