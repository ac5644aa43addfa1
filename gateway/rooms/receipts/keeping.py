"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.receipts.tables import (
    fiscal_receipt,
)
from gateway.words.saying import say

TERMS = (Term(what="receipts", tables=(fiscal_receipt,), why=say("retention.why_receipts")),)

MATTERS = (
    Matter(
        table=fiscal_receipt,
        of=(fiscal_receipt.c.payment_id,),
        open=(fiscal_receipt.c.status == constant("REQUESTED")) | fiscal_receipt.c.in_doubt_since_at.is_not(None),
    ),
)
