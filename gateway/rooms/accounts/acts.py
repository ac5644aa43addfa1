"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import ASSIGN, Act

ACTS = (
    Act("create_authority", "POST /v1/authorities", "authorities create", "accounts:write"),
    Act("create_client", "POST /v1/clients", "keys client", "accounts:write"),
    Act("revoke_client", "POST /v1/clients/{client}/revocation", "keys revoke-client", "accounts:write"),
    Act("issue_client_key", "POST /v1/clients/{client}/keys", "keys issue", "accounts:write"),
    Act("revoke_key", "POST /v1/keys/{key_id}/revocation", "keys revoke", "accounts:write"),
    Act("create_operator", "POST /v1/operators", "operators create", "accounts:people"),
    Act("set_operator_password", "PUT /v1/operators/{login}/password", "operators password", "accounts:people"),
    Act("disable_operator", "POST /v1/operators/{login}/revocation", "operators disable", "accounts:people"),
    Act(
        "forget_operator_code",
        "POST /v1/operators/{login}/forgotten-code",
        "operators forget-code",
        "accounts:people",
    ),
    Act(
        "end_operator_session",
        "POST /v1/operator-sessions/{session_id}/end",
        "operators end-session",
        "accounts:people",
    ),
    ASSIGN,
    Act("issue_operator_key", "POST /v1/operators/{login}/keys", "operators key", "accounts:people"),
)
LOOKS = (
    Act("list_authorities", "GET /v1/authorities", "authorities list", "accounts:read"),
    Act("list_clients", "GET /v1/clients", "keys clients", "accounts:read"),
    Act("list_keys", "GET /v1/keys", "keys list", "accounts:read"),
    Act("list_operators", "GET /v1/operators", "operators list", "accounts:read"),
    Act("list_operator_sessions", "GET /v1/operator-sessions", "operators sessions", "accounts:read"),
    Act("list_operator_acts", "GET /v1/audit", "audit list", "audit:read"),
    Act("list_handovers", "GET /v1/handovers", "handovers list", "handovers:read"),
)
"""What people look at in this room."""
