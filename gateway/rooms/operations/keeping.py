"""What this room keeps, how long and why."""

from __future__ import annotations

from gateway.foundation.terms import Term
from gateway.rooms.operations.tables import (
    bulk_retry,
    bulk_retry_item,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="bulk retries",
        tables=(
            bulk_retry,
            bulk_retry_item,
        ),
        why=say("retention.why_files"),
    ),
)
