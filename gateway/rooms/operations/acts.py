"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

_RETRY = ("they_are_back", "credentials_renewed", "network_repaired")
_FOUND_OUT = ("their_console", "by_telephone", "statement_shows", "in_writing")
_OF_CHANNELS = ("their_maintenance", "their_wrong_answers", "credentials_leaked")
ACTS = (
    Act(
        "retry_operation",
        "POST /v1/operations/{operation_id}/retry",
        "operations retry",
        "operations:write",
        reasons=_RETRY,
    ),
    Act(
        "propose_outcome",
        "POST /v1/operations/{operation_id}/resolution",
        "operations resolve",
        "operations:write",
        two=True,
        reasons=_FOUND_OUT,
    ),
    Act(
        "confirm_outcome",
        "POST /v1/operations/{operation_id}/confirmation",
        "operations confirm",
        "operations:write",
        look="/v1/operations/{operation_id}/resolution",
    ),
    Act(
        "withdraw_outcome", "DELETE /v1/operations/{operation_id}/resolution", "operations withdraw", "operations:write"
    ),
    Act("check_channel", "POST /v1/channels/{channel}/check", "channels check", "operations:write"),
    Act("stop_channel", "POST /v1/channels/{channel}/stop", "channels stop", "channels:write", reasons=_OF_CHANNELS),
    Act("resume_channel", "POST /v1/channels/{channel}/resume", "channels resume", "operations:write"),
    Act("reload_channel", "POST /v1/channels/{channel}/reload", "channels reload", "operations:write"),
)
LOOKS = (
    Act("list_operations", "GET /v1/operations", "operations list", "operations:read"),
    Act("get_operation", "GET /v1/operations/{operation_id}", "operations show", "operations:read"),
    Act("get_resolution", "GET /v1/operations/{operation_id}/resolution", "operations resolution", "operations:read"),
    Act("list_drift", "GET /v1/channels/drift", "channels drift", "operations:read"),
    Act("list_unreadable_callbacks", "GET /v1/callbacks/unreadable", "channels unreadable", "operations:read"),
    Act("list_refused_callbacks", "GET /v1/callbacks/refused", "channels refused", "operations:read"),
)
"""What people look at in this room."""
