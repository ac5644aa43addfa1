"""What this room keeps, how long and why."""

from __future__ import annotations

from gateway.foundation.terms import Term
from gateway.rooms.notices.tables import (
    notice,
    notice_item,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="notices",
        tables=(
            notice,
            notice_item,
        ),
        why=say("retention.why_files"),
    ),
)
