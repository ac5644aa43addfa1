"""What a case's evidence bundle holds of receipts: the files as platforms gave them."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart
from gateway.foundation.rooms import Services
from gateway.rooms.payments import records as payment_records
from gateway.rooms.receipts import records

_ENDINGS = {"application/pdf": "pdf", "application/ofd": "ofd", "application/xml": "xml"}


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """The receipts of a decision's payments."""
    subjects, files = [], []
    for payment in await base.store.read(lambda conn: payment_records.of_decision(conn, decision_id)):
        receipt = await base.store.read(lambda conn, of=payment.id: records.latest(conn, of))  # type: ignore[misc]
        if receipt is None:
            continue
        subjects.append(receipt.id)
        if (content := receipt.document(base.envelope)) is not None:
            ending = _ENDINGS.get(receipt.media_type or "", "bin")
            title = f"财政票据 {receipt.receipt_code or ''} {receipt.receipt_number or ''}".strip()
            files.append(CaseFile(f"receipts/{receipt.id}.{ending}", content, title))
    return CasePart(tuple(subjects), tuple(files))
