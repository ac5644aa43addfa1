"""Where the settlement of payments stands after a run, or after something happened to one of their breaks."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Events
from gateway.rooms.payments import books
from gateway.rooms.payments.books import Standing
from gateway.rooms.payments.states import Settlement
from gateway.rooms.reconciliation import break_records, statement_records


def update_settlements(
    conn: Connection, events: Events, channel: str, concerned: set[str], matched: Collection[str] = ()
) -> None:
    """Broken while a break is open; matched when a statement has the money that paid it, to the fen.

    ``concerned`` are the payments to look at; of the ``matched`` ones a run has just said that they agree.
    """
    broken = break_records.payments_with_open_breaks(conn, concerned)
    wanted = dict.fromkeys(matched, Settlement.MATCHED) | dict.fromkeys(broken, Settlement.BROKEN)
    rest = books.money_of(conn, concerned - wanted.keys())
    told = statement_records.paid_amounts(conn, channel, {one.code for money in rest.values() for one in money})
    for payment_id in concerned - wanted.keys():
        paying = [one for one in rest.get(payment_id, []) if one.standing is Standing.PAYS]
        if not paying:
            wanted[payment_id] = Settlement.NONE
        elif all(told.get((one.code, one.bank_serial)) == one.amount for one in paying):
            wanted[payment_id] = Settlement.MATCHED
        else:
            wanted[payment_id] = Settlement.PENDING
    books.settle_all(conn, events, wanted)
