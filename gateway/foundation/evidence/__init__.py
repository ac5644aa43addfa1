"""Evidence: every exchange on the wire captured, redacted for reading, sealed, chained, signed and verifiable."""

from gateway.foundation.evidence.chain import Exact
from gateway.foundation.evidence.keeping import Batch, Evidence, EvidenceError, OpenedExchange, Prepared
from gateway.foundation.evidence.records import Exchange
from gateway.foundation.evidence.redaction import Redacted, redact, redact_text
from gateway.foundation.evidence.verification import Finding, Report, verify

__all__ = [
    "Batch",
    "Evidence",
    "EvidenceError",
    "Exact",
    "Exchange",
    "Finding",
    "OpenedExchange",
    "Prepared",
    "Redacted",
    "Report",
    "redact",
    "redact_text",
    "verify",
]
