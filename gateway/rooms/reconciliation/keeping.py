"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from sqlalchemy import exists

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.reconciliation.tables import (
    break_action,
    breaks,
    channel_day,
    month_close,
    reconciliation_run,
    statement,
    statement_line,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="reconciliations",
        tables=(
            statement,
            reconciliation_run,
            breaks,
            break_action,
            channel_day,
            month_close,
        ),
        why=say("retention.why_vouchers"),
    ),
    Term(
        what="statement lines",
        tables=(statement_line,),
        why=say("retention.why_statements"),
        days=3653,
        from_year_end=True,
        age=statement_line.c.paid_at,
        order=(statement_line.c.statement_id, statement_line.c.line),
        stays=exists().where(
            breaks.c.code == statement_line.c.code,
            breaks.c.bank_serial == statement_line.c.bank_serial,
            breaks.c.state == constant("open"),
        ),
    ),
)

MATTERS = (
    Matter(table=breaks, of=(breaks.c.payment_id,), open=breaks.c.state == constant("open")),
    Matter(
        table=break_action,
        of=(break_action.c.break_id, break_action.c.payment_id, break_action.c.refund_id),
        open=break_action.c.state == constant("proposed"),
    ),
)
