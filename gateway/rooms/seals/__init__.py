"""Electronic seals 电子印章: a seal service seals, and we verify before anything calls a document sealed."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.seals.records import DocumentFilter, SealedDocument
    from gateway.rooms.seals.report import Check, Report, SealReport, Verdict
    from gateway.rooms.seals.service import SealAsk, Seals
    from gateway.rooms.seals.states import Status
    from gateway.rooms.seals.trust import Trust
    from gateway.rooms.seals.verification import verify_document
else:
    __getattr__ = late(
        __name__,
        {
            "records": "DocumentFilter SealedDocument",
            "report": "Check Report SealReport Verdict",
            "service": "SealAsk Seals",
            "states": "Status",
            "trust": "Trust",
            "verification": "verify_document",
        },
    )

__all__ = [
    "Check",
    "DocumentFilter",
    "Report",
    "SealAsk",
    "SealReport",
    "SealedDocument",
    "Seals",
    "Status",
    "Trust",
    "Verdict",
    "verify_document",
]
