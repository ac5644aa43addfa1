"""What a case's evidence bundle holds of notices to officers: which were sent when, and their exchanges."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart, told
from gateway.foundation.rooms import Services
from gateway.rooms.notices import records
from gateway.words.masking import mask_document


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The notices about a decision; a collected one that tells of other cases too is told without its exchanges."""
    found = await base.store.read(
        lambda conn: [(one, records.items_of(conn, one.id)) for one in records.of_decision(conn, decision_id)]
    )
    files, subjects = [], []
    for one, items in found:
        officer = one.officer(base.envelope)
        known = {**told(one, without=("number", "user_id")), "officer": officer if plainly else mask_document(officer)}
        known["events"] = [item.event for item in items if item.decision_id == decision_id]
        files.append(CaseFile.of_json(f"notices/{one.id}.json", known, f"执法人员消息 {one.template}"))
        if all(item.decision_id == decision_id for item in items):
            subjects.append(one.id)
    return CasePart(tuple(subjects), tuple(files))
