"""Payments 罚款缴纳: lines, codes, states, and the money that arrives."""

from gateway.rooms.payments.bill import IncomeItem, LineInput, LineKind, PaymentRequest, Unit
from gateway.rooms.payments.collections import apply_paid, settle
from gateway.rooms.payments.service import Payments
from gateway.rooms.payments.states import EDGES, Settlement, Status

__all__ = [
    "EDGES",
    "IncomeItem",
    "LineInput",
    "LineKind",
    "PaymentRequest",
    "Payments",
    "Settlement",
    "Status",
    "Unit",
    "apply_paid",
    "settle",
]
