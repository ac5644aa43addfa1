"""How an exception 异常缴款 looks from outside."""

from __future__ import annotations

from typing import Literal

from gateway.foundation.http.views import View, instant
from gateway.rooms.refunds.exception_records import ExceptionDetails
from gateway.words.money import YuanOut


class ExceptionView(View):
    """Money that arrived in a way the bill did not foresee, with the way out that people chose. ``amount``: of it.

    ``refund`` is the refund that it leads to, proposed, filed or done: ``/v1/refunds/{refund}``. One that is refused or
    dismissed leads nowhere: the exception is then open again. ``seen`` is what a second person sends back; null unless
    a way out is proposed, and in the view of a payment. ``confirmations``: who has agreed to it as it is.
    """

    id: str
    authority: str
    payment: str | None
    decision_number: str | None
    code: str
    amount: YuanOut
    kind: str
    proposal: str
    state: Literal["open", "proposed", "resolved"]
    resolution: str | None
    reason: str | None
    refund: str | None
    refund_status: str | None
    proposed_by: str | None
    confirmed_by: str | None
    opened_at: str
    resolved_at: str | None
    seen: str | None
    confirmations: list[str]

    @classmethod
    def of(cls, shown: ExceptionDetails) -> ExceptionView:
        """From the record."""
        odd = shown.odd
        return cls(
            id=odd.id,
            authority=odd.authority,
            payment=odd.payment_id,
            decision_number=odd.decision_number,
            code=odd.code,
            amount=odd.amount,
            kind=odd.kind.value,
            proposal=odd.proposal,
            state=odd.state.value,
            resolution=odd.resolution,
            reason=odd.reason,
            refund=odd.refund_id,
            refund_status=None if odd.refund_status is None else odd.refund_status.value,
            proposed_by=odd.proposed_name,
            confirmed_by=odd.confirmed_name,
            opened_at=instant(odd.opened_at),
            resolved_at=instant(odd.resolved_at),
            seen=shown.seen,
            confirmations=list(shown.confirmations),
        )
