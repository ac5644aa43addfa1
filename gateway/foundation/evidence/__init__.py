"""Evidence: every exchange on the wire captured, redacted for reading, sealed, chained, signed and verifiable."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.foundation.evidence.chain import Exact
    from gateway.foundation.evidence.keeping import Batch, Evidence, OpenedExchange
    from gateway.foundation.evidence.later import Prepared
    from gateway.foundation.evidence.proofs import Proof
    from gateway.foundation.evidence.reading import EvidenceError
    from gateway.foundation.evidence.records import Exchange
    from gateway.foundation.evidence.redaction import Redacted, redact, redact_text
    from gateway.foundation.evidence.verification import Finding, Report, Verifier, verify
else:
    __getattr__ = late(
        __name__,
        {
            "chain": "Exact",
            "keeping": "Batch Evidence OpenedExchange",
            "later": "Prepared",
            "proofs": "Proof",
            "reading": "EvidenceError",
            "records": "Exchange",
            "redaction": "Redacted redact redact_text",
            "verification": "Finding Report Verifier verify",
        },
    )

__all__ = [
    "Batch",
    "Evidence",
    "EvidenceError",
    "Exact",
    "Exchange",
    "Finding",
    "OpenedExchange",
    "Prepared",
    "Proof",
    "Redacted",
    "Report",
    "Verifier",
    "redact",
    "redact_text",
    "verify",
]
