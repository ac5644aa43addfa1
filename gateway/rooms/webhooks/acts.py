"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("add_endpoint", "POST /v1/webhook-endpoints", "webhooks add", "webhooks:write"),
    Act("remove_endpoint", "DELETE /v1/webhook-endpoints/{endpoint_id}", "webhooks remove", "webhooks:write"),
    Act("enable_endpoint", "POST /v1/webhook-endpoints/{endpoint_id}/enabling", "webhooks enable", "webhooks:write"),
    Act("resend_deliveries", "POST /v1/webhook-endpoints/{endpoint_id}/resend", "webhooks resend", "webhooks:write"),
    Act(
        "rotate_webhook_secret", "POST /v1/webhook-endpoints/{endpoint_id}/secret", "webhooks secret", "webhooks:write"
    ),
    Act("send_test_event", "POST /v1/webhook-endpoints/{endpoint_id}/test", "webhooks test", "webhooks:write"),
)
LOOKS = (
    Act("list_endpoints", "GET /v1/webhook-endpoints", "webhooks list", "webhooks:write"),
    Act(
        "list_webhook_deliveries",
        "GET /v1/webhook-endpoints/{endpoint_id}/deliveries",
        "webhooks deliveries",
        "webhooks:write",
    ),
)
"""What people look at in this room."""
