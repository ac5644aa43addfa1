"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("take_cash", "POST /v1/cash", "cash take", "payments:write"),
    Act("hand_in_cash", "POST /v1/cash/{cash_id}/hand-in", "cash hand-in", "payments:write"),
    Act("land_cash", "POST /v1/cash/{cash_id}/landing", "cash land", "payments:write"),
    Act("remit_cash", "POST /v1/remittances", "cash remit", "payments:write"),
)
LOOKS = (
    Act("list_cash", "GET /v1/cash", "cash list", "payments:read"),
    Act("get_cash", "GET /v1/cash/{cash_id}", "cash show", "payments:read"),
    Act("get_remittance", "GET /v1/remittances/{payment_id}", "cash remittance", "payments:read"),
)
