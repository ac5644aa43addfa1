"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("recall_notice", "POST /v1/notices/{notice_id}/recall", "notices recall", "notices:write"),
    Act("resend_notice", "POST /v1/notices/{notice_id}/resend", "notices resend", "notices:write"),
)
LOOKS = (
    Act("list_notices", "GET /v1/notices", "notices list", "notices:read"),
    Act("get_notice", "GET /v1/notices/{notice_id}", "notices show", "notices:read"),
)
"""What people look at in this room."""
