"""What a run reads of bills beside their money: who may collect it, for which items, and receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from gateway.foundation.store.rows import reader
from gateway.rooms.payments.books import Owner
from gateway.rooms.payments.tables import collecting_unit, payment, payment_line
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.reconciliation.chunks import chunks
from gateway.rooms.reconciliation.matching import Terms


@dataclass(frozen=True, slots=True)
class Unreceipted:
    """A payment that was paid and has no receipt; fen."""

    id: str
    code: str
    authority: str
    amount: int


_read = reader(Unreceipted)


def terms(conn: Connection, owners: Mapping[str, Owner]) -> dict[str, Terms]:
    """The collecting units and income items of these codes' bills."""
    units: dict[str, set[str]] = {}
    for chunk in chunks(owner.authority for owner in owners.values()):
        query = select(collecting_unit.c.authority, collecting_unit.c.unit_code).where(
            collecting_unit.c.authority.in_(chunk)
        )
        for authority, unit_code in conn.execute(query):
            units.setdefault(authority, set()).add(unit_code)
    items: dict[str, set[str]] = {}
    for chunk in chunks(owner.payment_id for owner in owners.values()):
        lines = select(payment_line.c.payment_id, payment_line.c.item_code).where(payment_line.c.payment_id.in_(chunk))
        for payment_id, item_code in conn.execute(lines):
            items.setdefault(payment_id, set()).add(item_code)
    return {
        code: Terms(frozenset(units.get(owner.authority, ())), frozenset(items.get(owner.payment_id, ())))
        for code, owner in owners.items()
    }


def without_receipt(conn: Connection, channel: str, start: int, end: int) -> list[Unreceipted]:
    """Payments paid from ``start`` up to ``end`` (microseconds) that have no receipt."""
    received = exists().where(
        fiscal_receipt.c.payment_id == payment.c.id, fiscal_receipt.c.status.in_(("ISSUED", "REVERSED"))
    )
    query = (
        select(payment.c.id, payment.c.code, payment.c.authority, payment.c.amount)
        .where(payment.c.channel == channel, payment.c.paid_at >= start, payment.c.paid_at < end, ~received)
        .order_by(payment.c.id)
    )
    return [_read(row) for row in conn.execute(query).mappings()]
