"""What disclosures do when people found out that a report never arrived, and it is sent again under a new reference."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.delivery import Operation
from gateway.disclosures import records
from gateway.ports import Message


def sent_again(conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
    """The report goes by its new reference from now on."""
    values = {"effect_operation": new.id, "effect_reference": new.reference}
    records.change(conn, new.subject, new.created_at, **values)
