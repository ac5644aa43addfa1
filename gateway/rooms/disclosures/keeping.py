"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.disclosures.tables import (
    confirmed_text,
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
        table=disclosure_finding,
        of=(disclosure_finding.c.disclosure_id,),
        open=disclosure_finding.c.status == constant("OPEN"),
    ),
)
