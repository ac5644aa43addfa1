"""What this room keeps, how long and why, and which of its records are open matters."""

from __future__ import annotations

from gateway.foundation.store.base import constant
from gateway.foundation.terms import Matter, Term
from gateway.rooms.seals.tables import (
    seal_grant,
    seal_stop,
    seal_voiding,
    sealed_document,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="sealed documents",
        tables=(
            sealed_document,
            seal_stop,
            seal_grant,
            seal_voiding,
        ),
        why=say("retention.why_files"),
    ),
)

MATTERS = (
    Matter(
        table=sealed_document,
        of=(sealed_document.c.decision_id,),
        open=(sealed_document.c.status == constant("REQUESTED")) | sealed_document.c.in_doubt_since_at.is_not(None),
    ),
    Matter(
        table=seal_voiding,
        of=(seal_voiding.c.document_id,),
        open=seal_voiding.c.status.in_([constant("PROPOSED"), constant("CONFIRMED")]),
    ),
)
