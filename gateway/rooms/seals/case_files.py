"""What a case's evidence bundle holds of seals: the sealed documents, as they were verified."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart
from gateway.foundation.rooms import Services
from gateway.rooms.seals import records
from gateway.rooms.seals.service import Seals
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.verification import format_of


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The documents of a decision, voided ones too."""
    documents, seals = await base.store.read(lambda conn: records.of_decision(conn, decision_id)), rooms.get(Seals)
    files = []
    for one in documents:
        if one.status in (Status.SEALED, Status.VOIDED):
            content = await seals.file(one.id, even_void=True)
            void = "（已作废）" if one.status is Status.VOIDED else ""
            path = f"documents/{one.id}.{format_of(content) or 'pdf'}"
            files.append(CaseFile(path, content, f"已签章文书 {one.title}{void}"))
    return CasePart(tuple(one.id for one in documents), tuple(files))
