"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("grant_seal", "POST /v1/seal-grants", "seals grant", "seals:grant"),
    Act("end_seal_grant", "POST /v1/seal-grants/{grant_id}/end", "seals end-grant", "seals:grant"),
    Act("stop_seal", "POST /v1/seal-stops", "seals stop", "seals:write"),
    Act("propose_voiding", "POST /v1/sealed-documents/{document_id}/voiding", "seals void", "seals:write", two=True),
    Act(
        "confirm_voiding",
        "POST /v1/sealed-documents/{document_id}/voiding/confirmation",
        "seals confirm-voiding",
        "seals:write",
        look="/v1/sealed-documents/{document_id}",
    ),
    Act(
        "withdraw_voiding", "DELETE /v1/sealed-documents/{document_id}/voiding", "seals withdraw-voiding", "seals:write"
    ),
    Act("verify_document", "POST /v1/verifications", "seals verify", "seals:read"),
)
LOOKS = (
    Act("list_seals", "GET /v1/seals", "seals list", "seals:read"),
    Act("list_sealed_documents", "GET /v1/sealed-documents", "seals documents", "seals:read"),
    Act("get_sealed_document", "GET /v1/sealed-documents/{document_id}", "seals document", "seals:read"),
    Act("list_seal_stops", "GET /v1/seal-stops", "seals stops", "seals:read"),
    Act("list_seal_grants", "GET /v1/seal-grants", "seals grants", "seals:read"),
)
