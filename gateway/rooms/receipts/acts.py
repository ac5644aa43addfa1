"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("request_receipt", "POST /v1/payments/{payment_id}/receipt", "payments receipt", "payments:write"),
    Act("record_reversal", "POST /v1/payments/{payment_id}/receipt/reversal", "payments red-receipt", "payments:write"),
)
