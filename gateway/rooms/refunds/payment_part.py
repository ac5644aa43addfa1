"""What a payment's view shows of refunds: the exceptions, each with its refund, and at the terminal the refunds too."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.payments import PaymentDetails
from gateway.rooms.payments.parts import Part, Section
from gateway.rooms.refunds import exception_records, records
from gateway.rooms.refunds.exception_records import ExceptionDetails, ExceptionWithRefund
from gateway.rooms.refunds.exception_view import ExceptionView


def _exceptions(conn: Connection, found: PaymentDetails) -> list[ExceptionWithRefund]:
    """The exceptions with their refunds; nothing is asked where there is none."""
    return exception_records.of_payment(conn, found.payment.id) if found.exceptions else []


def _views(conn: Connection, found: PaymentDetails) -> list[ExceptionView]:
    return [ExceptionView.of(ExceptionDetails(one, None, ())) for one in _exceptions(conn, found)]


def _sections(conn: Connection, found: PaymentDetails) -> list[Section]:
    from gateway.rooms.refunds.commands import exception_row, refund_row

    seen = ("id", "kind", "state", "resolution", "refund_id", "refund_status", "opened_at")
    odd = Section("exceptions", [exception_row(one) for one in _exceptions(conn, found)], seen)
    refunds = [refund_row(one) for one in records.of_payment(conn, found.payment.id)]
    seen = ("id", "bank_serial", "amount", "reason", "status", "waits_for", "refunded_at")
    return [odd, Section("refunds", refunds, seen)]


PART = Part("exceptions", ExceptionView, _views, _sections, rank=10)
