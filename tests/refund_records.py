"""Records of refunds for tests that need no store: each with only what the test is about."""

from __future__ import annotations

from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import RefundOrigin, RefundReason, RefundStatus


def a_refund(status: str, amount: int, *, collection_id: str) -> Refund:
    """A refund of money that was paid twice, in fen."""
    return Refund(
        id="rfd_1",
        authority="A1",
        payment_id="pay_1",
        collection_id=collection_id,
        exception_id=None,
        decision_number="安综执罚〔2026〕1号",
        channel="nontax",
        code="99010226300000000001",
        bank_serial=f"S-{collection_id}",
        amount=amount,
        reason=RefundReason.PAID_TWICE,
        explanation="重复缴款",
        status=RefundStatus(status),
        origin=RefundOrigin.FILED,
        created_at=1,
        updated_at=1,
    )
