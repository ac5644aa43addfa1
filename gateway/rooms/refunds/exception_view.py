"""How an exception 异常缴款 looks from outside."""

from __future__ import annotations

from typing import Literal

from gateway.foundation.http.views import View, instant
from gateway.rooms.refunds.exception_records import ExceptionWithRefund


class ExceptionView(View):
    """Money that arrived in a way the bill did not foresee, with the way out that people chose.

    ``refund`` is the refund that it leads to, proposed, filed or done: ``/v1/refunds/{refund}``. One that is refused or
    dismissed leads nowhere: the exception is then open again.
    """

    id: str
    authority: str
    payment: str | None
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

    @classmethod
    def of(cls, odd: ExceptionWithRefund) -> ExceptionView:
        """From the record."""
        return cls(
            id=odd.id,
            authority=odd.authority,
            payment=odd.payment_id,
            kind=odd.kind.value,
            proposal=odd.proposal,
            state=odd.state.value,
            resolution=odd.resolution,
            reason=odd.reason,
            refund=odd.refund_id,
            refund_status=None if odd.refund_status is None else odd.refund_status.value,
            proposed_by=odd.proposed_name,
            confirmed_by=odd.confirmed_name,
            opened_at=instant(odd.opened_at) or "",
            resolved_at=instant(odd.resolved_at),
        )
