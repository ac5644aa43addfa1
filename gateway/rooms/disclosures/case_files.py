"""What a case's evidence bundle holds of disclosures: their events and exchanges."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CasePart
from gateway.foundation.rooms import Services
from gateway.rooms.disclosures import records


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The disclosures of a decision."""
    found = await base.store.read(lambda conn: records.of_decision(conn, decision_id))
    return CasePart(tuple(one.id for one in found))
