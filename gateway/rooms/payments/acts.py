"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("set_collecting_unit", "PUT /v1/authorities/{authority}/unit", "authorities unit", "accounts:write"),
    Act("cancel_payment", "POST /v1/payments/{payment_id}/cancel", "payments cancel", "payments:write"),
    Act("reissue_payment", "POST /v1/payments/{payment_id}/reissue", "payments reissue", "payments:write"),
    Act("confirm_payment", "POST /v1/payments/{payment_id}/confirmation", "payments ask", "payments:write"),
    Act("reduce_surcharge", "POST /v1/payments/{payment_id}/surcharge-reduction", "payments reduce", "payments:write"),
)
LOOKS = (
    Act("list_payments", "GET /v1/payments", "payments list", "payments:read"),
    Act("get_payment", "GET /v1/payments/{payment_id}", "payments show", "payments:read"),
    Act("explain_decision", "GET /v1/decisions/{authority}/{number}/explanation", "decisions explain", "payments:read"),
)
"""What people look at in this room."""
