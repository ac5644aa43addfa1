"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.refunds.tables import (
    refund,
    refund_document,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="refunds",
        tables=(
            refund,
            refund_document,
        ),
        why=say("retention.why_vouchers"),
    ),
)

MATTERS = (
    Matter(
        table=refund,
        of=(refund.c.payment_id, refund.c.collection_id),
        open=refund.c.status.not_in([constant(one) for one in ("REFUNDED", "REFUSED", "DISMISSED")])
        | refund.c.in_doubt_since_at.is_not(None),
    ),
)
