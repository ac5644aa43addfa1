"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("set_publishing_organ", "PUT /v1/authorities/{authority}/organ", "authorities organ", "accounts:write"),
    Act("publish_decision", "POST /v1/disclosures", "disclosures publish", "disclosures:write"),
    Act(
        "release_disclosure", "POST /v1/disclosures/{disclosure_id}/release", "disclosures release", "disclosures:write"
    ),
    Act(
        "correct_disclosure",
        "POST /v1/disclosures/{disclosure_id}/correction",
        "disclosures correct",
        "disclosures:write",
    ),
    Act(
        "withdraw_disclosure",
        "POST /v1/disclosures/{disclosure_id}/withdrawal",
        "disclosures withdraw",
        "disclosures:write",
    ),
    Act("end_disclosure", "POST /v1/disclosures/{disclosure_id}/end", "disclosures end", "disclosures:write"),
    Act(
        "repair_disclosure", "POST /v1/disclosures/{disclosure_id}/repair", "disclosures repaired", "disclosures:write"
    ),
    Act("look_at_disclosure", "POST /v1/disclosures/{disclosure_id}/look", "disclosures look", "disclosures:write"),
    Act(
        "object_to_disclosure",
        "POST /v1/disclosures/{disclosure_id}/objection",
        "disclosures objection",
        "disclosures:write",
    ),
    Act(
        "settle_objection",
        "POST /v1/disclosures/{disclosure_id}/objection/settlement",
        "disclosures settle",
        "disclosures:write",
    ),
    Act(
        "shield_disclosure", "POST /v1/disclosures/{disclosure_id}/shielding", "disclosures shield", "disclosures:write"
    ),
    Act(
        "unshield_disclosure",
        "POST /v1/disclosures/{disclosure_id}/shielding/end",
        "disclosures unshield",
        "disclosures:write",
    ),
    Act(
        "handle_finding",
        "POST /v1/disclosure-findings/{finding_id}/handling",
        "disclosures handle",
        "disclosures:write",
    ),
    Act("preview_full_text", "POST /v1/full-texts/preview", "disclosures text", "disclosures:read"),
    Act("confirm_full_text", "POST /v1/full-texts/confirmation", "disclosures text", "disclosures:write"),
    Act("receive_repair", "POST /v1/credit-repairs", "disclosures repair receive", "disclosures:write"),
    Act(
        "answer_repair",
        "POST /v1/credit-repairs/{repair_id}/answer",
        "disclosures repair answer",
        "disclosures:write",
        two=True,
    ),
    Act(
        "confirm_repair",
        "POST /v1/credit-repairs/{repair_id}/confirmation",
        "disclosures repair confirm",
        "disclosures:write",
        look="/v1/credit-repairs/{repair_id}",
    ),
)
LOOKS = (
    Act("list_findings", "GET /v1/disclosure-findings", "disclosures findings", "disclosures:read"),
    Act("explain_disclosures", "GET /v1/disclosures/explanation", "disclosures explain", "disclosures:read"),
    Act("examine_disclosures", "GET /v1/disclosures/examination", "disclosures examine", "disclosures:read"),
    Act("list_disclosures", "GET /v1/disclosures", "disclosures list", "disclosures:read"),
    Act("get_disclosure", "GET /v1/disclosures/{disclosure_id}", "disclosures show", "disclosures:read"),
)
