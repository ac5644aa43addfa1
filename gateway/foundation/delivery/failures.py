"""Every way in which a call can fail, and what follows: the one table behind ``docs/failures.md`` and its tests.

``error`` is what adapters and wire raise (DESIGN's table of errors); the core does what the error says, whatever the
failure was. ``now`` is the operation's state after the first attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.foundation.delivery.states import State

DOCUMENT = "failures.md"


class Course(StrEnum):
    """What the core does next, in a few words."""

    RETRIED = "calls again later: nothing had left us, or the contract says that nothing was done"
    ASKED = "never sends again; asks by our reference until it knows"
    ALARMED = "the same, and raises an alarm: the answer breaks the contract"
    FINAL = "ends: a business no"


_SEEN = {
    Course.RETRIED: "`REQUESTED`, no doubt; 202, then a webhook",
    Course.ASKED: "`REQUESTED` with `in_doubt_since`; then the true outcome",
    Course.ALARMED: "`REQUESTED` with `in_doubt_since`; then the true outcome",
    Course.FINAL: "`REJECTED` with the platform's words",
}


@dataclass(frozen=True)
class Failure:
    """One row: what happens, the error it becomes, what the core does."""

    name: str
    what: str
    error: str
    course: Course

    @property
    def label(self) -> str:
        """The outcome of the first attempt in the ledger."""
        if self.course is Course.RETRIED:
            return "busy" if self.error == "BusyError" else "not sent"
        return "rejected" if self.course is Course.FINAL else "unknown"

    @property
    def now(self) -> State:
        """The operation's state after the first attempt."""
        return {Course.RETRIED: State.QUEUED, Course.FINAL: State.REJECTED}.get(self.course, State.UNCERTAIN)

    @property
    def seen(self) -> str:
        """What a case system sees of a payment that met it."""
        return _SEEN[self.course]


_NOT_SENT, _UNKNOWN = "NotSentError", "OutcomeUnknownError"
_CONTRACT, _UNUSABLE = "ContractError", "UnusableError"
TABLE = (
    Failure("refused", "the connection is refused", _NOT_SENT, Course.RETRIED),
    Failure("dns", "the name of the system does not resolve", _NOT_SENT, Course.RETRIED),
    Failure("tls", "the TLS handshake fails", _NOT_SENT, Course.RETRIED),
    Failure("connect_timeout", "no connection within the time", _NOT_SENT, Course.RETRIED),
    Failure("write_cut", "the connection breaks while the request is being written", _UNKNOWN, Course.ASKED),
    Failure("read_timeout", "the effect happens, no answer comes", _UNKNOWN, Course.ASKED),
    Failure("reset_after_effect", "the effect happens, the connection is reset", _UNKNOWN, Course.ASKED),
    Failure("end_in_body", "the connection ends in the middle of the answer", _UNKNOWN, Course.ASKED),
    Failure("truncated_xml", "a complete answer whose XML is not", _UNUSABLE, Course.ALARMED),
    Failure("wrong_content_type", "200 with a page instead of the answer", _UNUSABLE, Course.ALARMED),
    Failure("empty", "200 with an empty body", _UNUSABLE, Course.ALARMED),
    Failure("redirect", "3xx: never followed", _UNKNOWN, Course.ASKED),
    Failure("too_many_retry_after", "429 with Retry-After, undeclared by the contract", _UNKNOWN, Course.ASKED),
    Failure("too_many", "429 without Retry-After, undeclared by the contract", _UNKNOWN, Course.ASKED),
    Failure("error_500", "an undeclared 500", _UNKNOWN, Course.ASKED),
    Failure("error_502", "502 of a proxy", _UNKNOWN, Course.ASKED),
    Failure("error_503", "503 that the contract does not declare", _UNKNOWN, Course.ASKED),
    Failure("error_504", "504 of a proxy", _UNKNOWN, Course.ASKED),
    Failure("declared_busy", "the contract's effect-free answer for load", "BusyError", Course.RETRIED),
    Failure("refusal", "the contract's business refusal", "RejectedError", Course.FINAL),
    Failure("unknown_status", "a result code that no table has", _UNUSABLE, Course.ALARMED),
    Failure("wrong_amount", "an answer with another amount", _CONTRACT, Course.ALARMED),
    Failure("another_request", "the signed answer to another request", _CONTRACT, Course.ALARMED),
    Failure("bad_signature", "a signature that does not verify", _UNUSABLE, Course.ALARMED),
    Failure("slow_drip", "byte by byte, beyond the total time", _UNKNOWN, Course.ASKED),
    Failure("endless_body", "an answer beyond the largest that we read", _UNUSABLE, Course.ALARMED),
    Failure("gzip_bomb", "a small answer that unpacks to more than we read", _UNUSABLE, Course.ALARMED),
)


def markdown() -> str:
    """The table as the page shows it."""
    lines = ["| Failure | Error | What the core does | What a case system sees |", "|---|---|---|---|"]
    lines += [f"| {one.what} | `{one.error}` | {one.course} | {one.seen} |" for one in TABLE]
    return "\n".join(lines)
