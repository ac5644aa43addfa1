"""Records of payments for tests that need no store: each with only what the test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.rooms.payments.records import Collection, Payment, Unforeseen
from gateway.rooms.payments.states import ExceptionState, UnforeseenKind


def a_payment(**told: Any) -> Payment:
    """A payment of 100 fen that waits for its code, with what is told of it."""
    plain = Payment(
        id="pay_1",
        authority="A1",
        decision_number="安综执罚〔2026〕1号",
        channel="nontax",
        amount=100,
        bill_sealed=b"",
        token_index=b"",
        token_sealed=b"",
        created_at=1,
        updated_at=1,
        decision_id="dec_1",
    )
    return replace(plain, **told)


def a_collection(id: str, amount: int) -> Collection:
    """Money that arrived by callback, in fen."""
    return Collection(
        id, "nontax", "99010226300000000001", f"S-{id}", amount, 1, "wechat", None, "callback", "pay_1", 1
    )


def an_exception(kind: str, state: str, resolution: str | None, *, collection_id: str) -> Unforeseen:
    """Money that arrived unforeseen, without a refund."""
    return Unforeseen(
        id="exc_1",
        authority="A1",
        payment_id="pay_1",
        collection_id=collection_id,
        kind=UnforeseenKind(kind),
        proposal="refund",
        state=ExceptionState(state),
        opened_at=1,
        resolution=resolution,
        reason=None,
        proposed_by=None,
        proposed_name=None,
        confirmed_by=None,
        confirmed_name=None,
        resolved_at=None,
    )
