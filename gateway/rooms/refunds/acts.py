"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

_NOT_OWED = ("not_owed", "wrong_payee", "asked_twice")
_FOUND_OUT = ("their_console", "by_telephone", "statement_shows", "in_writing")
ACTS = (
    Act("propose_refund", "POST /v1/payments/{payment_id}/refunds", "refunds propose", "payments:write", two=True),
    Act("name_payee", "PUT /v1/refunds/{refund_id}/payee", "refunds payee", "payments:write"),
    Act("add_refund_document", "POST /v1/refunds/{refund_id}/documents", "refunds document", "payments:write"),
    Act(
        "confirm_refund",
        "POST /v1/refunds/{refund_id}/confirmation",
        "refunds confirm",
        "payments:write",
        look="/v1/refunds/{refund_id}",
    ),
    Act(
        "dismiss_refund",
        "POST /v1/refunds/{refund_id}/dismissal",
        "refunds dismiss",
        "payments:write",
        reasons=_NOT_OWED,
    ),
    Act("inquire_refund", "POST /v1/refunds/{refund_id}/inquiry", "refunds ask", "payments:write"),
    Act(
        "resolve_exception",
        "POST /v1/exceptions/{exception_id}/resolution",
        "exceptions resolve",
        "payments:write",
        two=True,
        reasons=_FOUND_OUT,
    ),
    Act(
        "confirm_exception",
        "POST /v1/exceptions/{exception_id}/confirmation",
        "exceptions confirm",
        "payments:write",
        look="/v1/exceptions/{exception_id}",
    ),
)
LOOKS = (
    Act("list_refunds", "GET /v1/refunds", "refunds list", "payments:read"),
    Act("get_refund", "GET /v1/refunds/{refund_id}", "refunds show", "payments:read"),
    Act("list_exceptions", "GET /v1/exceptions", "exceptions list", "payments:read"),
    Act("get_exception", "GET /v1/exceptions/{exception_id}", "exceptions show", "payments:read"),
)
