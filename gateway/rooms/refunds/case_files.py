"""What a case's evidence bundle holds of refunds: each with its payee, and the documents that finance was given."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart, told
from gateway.foundation.rooms import Services
from gateway.rooms.payments import records as payment_records
from gateway.rooms.refunds import records
from gateway.rooms.refunds.records import Refund, RefundDocument

_ENDINGS = {"application/pdf": "pdf", "application/ofd": "ofd", "image/jpeg": "jpg", "image/png": "png"}


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The refunds of a decision's payments; who gets the money is masked unless ``plainly``."""
    found: list[tuple[Refund, list[RefundDocument]]] = await base.store.read(
        lambda conn: [
            (one, records.documents(conn, one.id))
            for payment in payment_records.of_decision(conn, decision_id)
            for one in records.of_payment(conn, payment.id)
        ]
    )
    files = []
    for one, documents in found:
        payee = one.payee(base.envelope)
        shown = payee if plainly or payee is None else payee.masked()
        known = {**told(one), "payee": None if shown is None else shown.model_dump()}
        known["documents"] = [{**told(document), "digest": document.digest.hex()} for document in documents]
        files.append(CaseFile.of_json(f"refunds/{one.id}.json", known, f"退付 {one.number or one.id}"))
        if plainly:  # a file cannot be masked
            for document in documents:
                if (content := document.file(base.envelope)) is not None:
                    ending = _ENDINGS.get(document.media_type or "", "bin")
                    title = f"退付材料 {document.reference}"
                    files.append(CaseFile(f"refunds/{document.id}.{ending}", content, title))
    return CasePart(tuple(one.id for one, _ in found), tuple(files))
