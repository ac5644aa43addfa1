"""What a case's evidence bundle holds of cash: what was taken, by whom, and when it was handed in and remitted."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart, told
from gateway.foundation.rooms import Services
from gateway.rooms.cash import records
from gateway.words.masking import mask_person


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The cash that was taken for a decision. The bill that remits it is named: it may be for other cases too."""
    found = await base.store.read(lambda conn: records.of_decision(conn, decision_id))
    files = []
    for one in found:
        officer = one.officer(base.envelope)
        known = {**told(one, without=("alarmed",)), "officer": officer if plainly else mask_person(officer)}
        files.append(CaseFile.of_json(f"cash/{one.id}.json", known, f"当场收缴 {one.receipt_number}"))
    return CasePart(tuple(one.id for one in found), tuple(files))
