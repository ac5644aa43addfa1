"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.payments.tables import (
    code_series,
    collecting_unit,
    collection,
    income_item,
    look_up_budget,
    payment,
    payment_code,
    payment_exception,
    payment_line,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="payments",
        tables=(
            payment,
            payment_line,
            payment_code,
            collection,
            payment_exception,
        ),
        why=say("retention.why_vouchers"),
    ),
    Term(
        what="units and items",
        tables=(code_series, collecting_unit, income_item, look_up_budget),
        why=say("retention.why_setup"),
    ),
)

MATTERS = (
    Matter(
        table=payment,
        of=(payment.c.decision_id, payment.c.replaces),
        # Paid and not yet settled is open as well: 对账 has not said yet that the money is there.
        open=payment.c.status.in_([constant(one) for one in ("REQUESTED", "ISSUED", "CANCELLING", "EXPIRED")])
        | payment.c.settlement.in_([constant("pending"), constant("broken")])
        | payment.c.in_doubt_since_at.is_not(None),
    ),
    Matter(
        table=payment_exception,
        of=(payment_exception.c.payment_id,),
        open=payment_exception.c.state != constant("resolved"),
    ),
    Matter(table=collection, of=(collection.c.payment_id,), open=collection.c.payment_id.is_(None)),
)
