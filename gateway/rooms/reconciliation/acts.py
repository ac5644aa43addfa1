"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

_OF_BREAKS = ("late_posting", "bank_error", "our_error", "paid_twice", "statement_shows")
ACTS = (
    Act("reconcile_day", "POST /v1/reconciliations", "reconcile", "reconciliation:write"),
    Act("take_statement_file", "POST /v1/statement-files", "reconcile", "reconciliation:write"),
    Act(
        "resolve_break",
        "POST /v1/breaks/{break_id}/resolution",
        "breaks resolve",
        "reconciliation:write",
        reasons=_OF_BREAKS,
    ),
    Act(
        "resolve_breaks", "POST /v1/break-resolutions", "breaks resolve-all", "reconciliation:write", reasons=_OF_BREAKS
    ),
    Act(
        "propose_break_outcome",
        "POST /v1/breaks/{break_id}/proposals",
        "breaks propose",
        "reconciliation:write",
        two=True,
        reasons=_OF_BREAKS,
    ),
    Act(
        "confirm_break_proposal",
        "POST /v1/break-proposals/{proposal_id}/confirmation",
        "breaks confirm",
        "reconciliation:write",
        look="/v1/break-proposals/{proposal_id}",
    ),
    Act(
        "withdraw_break_proposal", "DELETE /v1/break-proposals/{proposal_id}", "breaks withdraw", "reconciliation:write"
    ),
    Act("close_month", "POST /v1/month-closes", "reconcile close", "reconciliation:write"),
    Act(
        "ask_to_reopen_month",
        "POST /v1/month-closes/{close_id}/reopening",
        "reconcile reopen",
        "reconciliation:write",
        two=True,
    ),
    Act(
        "confirm_reopening",
        "POST /v1/month-closes/{close_id}/confirmation",
        "reconcile reopen",
        "reconciliation:write",
        look="/v1/month-closes/{close_id}",
    ),
)
LOOKS = (
    Act("list_reconciliation_runs", "GET /v1/reconciliations", "reconcile runs", "reconciliation:read"),
    Act("list_statement_profiles", "GET /v1/statement-profiles", "reconcile profiles", "reconciliation:read"),
    Act("list_month_closes", "GET /v1/month-closes", "reconcile months", "reconciliation:read"),
    Act("get_break", "GET /v1/breaks/{break_id}", "breaks show", "reconciliation:read"),
)
