"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.disclosures.tables import (
    confirmed_text,
    credit_repair,
    disclosing_organ,
    disclosure,
    disclosure_finding,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="disclosures",
        tables=(
            disclosing_organ,
            disclosure,
            confirmed_text,
            disclosure_finding,
            credit_repair,
        ),
        why=say("retention.why_files"),
    ),
)

MATTERS = (
    Matter(
        table=disclosure,
        of=(disclosure.c.decision_id,),
        open=disclosure.c.status.not_in(
            [constant(one) for one in ("NOT_PUBLISHABLE", "REJECTED", "WITHDRAWN", "REPAIRED", "ENDED")]
        )
        | disclosure.c.in_doubt_since_at.is_not(None),
    ),
    Matter(
        table=credit_repair,
        of=(credit_repair.c.decision_id,),
        open=credit_repair.c.status.in_([constant(one) for one in ("RECEIVED", "PROPOSED", "GRANTED")]),
    ),
    Matter(
        table=disclosure_finding,
        of=(disclosure_finding.c.disclosure_id,),
        open=disclosure_finding.c.status == constant("OPEN"),
    ),
)
