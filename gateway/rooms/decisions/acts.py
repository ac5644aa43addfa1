"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("record_event", "POST /v1/decisions/{authority}/{number}/events", "decisions event", "decisions:write"),
    Act(
        "correct_event",
        "POST /v1/decisions/{authority}/{number}/events/{event_id}/correction",
        "decisions correct",
        "decisions:write",
        two=True,
    ),
    Act(
        "void_event",
        "POST /v1/decisions/{authority}/{number}/events/{event_id}/voiding",
        "decisions correct",
        "decisions:write",
        two=True,
    ),
    Act(
        "confirm_correction",
        "POST /v1/decisions/{authority}/{number}/events/{event_id}/confirmation",
        "decisions correct",
        "decisions:write",
        look="/v1/decisions/{authority}/{number}",
    ),
    Act(
        "withdraw_correction",
        "POST /v1/decisions/{authority}/{number}/events/{event_id}/withdrawal",
        "decisions correct",
        "decisions:write",
    ),
)
LOOKS = (Act("get_decision", "GET /v1/decisions/{authority}/{number}", "decisions show", "decisions:read"),)
"""What people look at in this room."""
