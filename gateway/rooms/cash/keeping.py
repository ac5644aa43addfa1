"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.cash.tables import (
    cash_taken,
)
from gateway.words.saying import say

TERMS = (Term(what="cash", tables=(cash_taken,), why=say("retention.why_vouchers")),)

MATTERS = (
    Matter(
        table=cash_taken,
        of=(cash_taken.c.decision_id, cash_taken.c.payment_id),
        open=cash_taken.c.status != constant("REMITTED"),
    ),
)
