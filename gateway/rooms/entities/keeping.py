"""What this room keeps, how long and why."""

from __future__ import annotations

from gateway.foundation.terms import Term
from gateway.rooms.entities.tables import (
    entity_change,
    entity_feed,
    entity_snapshot,
    entity_watch,
)
from gateway.words.saying import say

TERMS = (
    Term(
        what="registrations",
        tables=(
            entity_snapshot,
            entity_change,
            entity_watch,
            entity_feed,
        ),
        why=say("retention.why_files"),
    ),
)
