"""Payments 罚款缴纳: lines, codes, states, and the money that arrives."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.payments.bill import IncomeItem, LineInput, LineKind, PaymentRequest, Unit
    from gateway.rooms.payments.collections import Heard, apply_paid, settle
    from gateway.rooms.payments.details import PaymentDetails
    from gateway.rooms.payments.records import Collection, Payment, PaymentFilter, PaymentLine, Unforeseen
    from gateway.rooms.payments.service import Payments
    from gateway.rooms.payments.states import EDGES, Settlement, Status
else:
    __getattr__ = late(
        __name__,
        {
            "bill": "IncomeItem LineInput LineKind PaymentRequest Unit",
            "collections": "Heard apply_paid settle",
            "details": "PaymentDetails",
            "records": "Collection Payment PaymentFilter PaymentLine Unforeseen",
            "service": "Payments",
            "states": "EDGES Settlement Status",
        },
    )

__all__ = [
    "EDGES",
    "Collection",
    "Heard",
    "IncomeItem",
    "LineInput",
    "LineKind",
    "Payment",
    "PaymentDetails",
    "PaymentFilter",
    "PaymentLine",
    "PaymentRequest",
    "Payments",
    "Settlement",
    "Status",
    "Unforeseen",
    "Unit",
    "apply_paid",
    "settle",
]
