"""What can go wrong, sorted by what happens next.

Two families. ``ExchangeError`` and its children are raised by adapters and by ``wire``; the type alone tells the
delivery room what to do (DESIGN section 5). ``Problem`` and its children are what a caller of a service is told, and
carry everything an ``application/problem+json`` answer needs (RFC 9457): a stable type, the field, and the cure.
"""

from __future__ import annotations

from typing import Any, ClassVar

from gateway.words.problems import problem_type
from gateway.words.saying import Language, Sentence, cure_of, worded


class GatewayError(Exception):
    """Base of everything this package raises on purpose."""


# --- exchanges with external systems -------------------------------------------------------------------------------


class ExchangeError(GatewayError):
    """An exchange with an external system did not end in a usable answer."""


class NotSentError(ExchangeError):
    """Provably nothing left us: name resolution, refused connection, TLS, open circuit. Retried later."""


class BusyError(ExchangeError):
    """Refused for load by an answer that the contract declares effect-free. Retried when told.

    ``retry_after`` is in seconds; None when the other side named no time.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknownError(ExchangeError):
    """Something was sent and no trustworthy answer came. Never resent: asked about by our own reference first."""


class ContractError(OutcomeUnknownError):
    """The answer breaks the contract, is empty, carries a wrong amount or a bad signature. Doubt, and an alarm."""


class UnusableError(ContractError):
    """What came is no answer of the other side: cut, empty, unreadable, endless, or not authentic.

    It contradicts nothing. Where it came to a question, the question is asked again.
    """


class ContradictionError(ContractError):
    """An authentic answer about our own message says another code, sum or identity than was asked for.

    Raised where the core holds answers against requests. No repetition heals it: where it came to a question, a person
    is called at once.
    """


class RejectedError(ExchangeError):
    """A business "no" of the other side: final, shown in its own words."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.reason = reason
        self.code = code


class DeniedError(ExchangeError):
    """Credentials or permission were refused. Stops the channel and raises an alarm."""


class UnsupportedError(ExchangeError):
    """A capability that the adapter does not declare was asked for: a programming fault."""


class ForgedCallbackError(ExchangeError):
    """Authentication of an incoming message failed. Refused and recorded; nothing changes."""


# --- what callers of services are told -----------------------------------------------------------------------------


class Problem(GatewayError):
    """A request that cannot be served, with the reason and the cure: one sentence of the catalogue, which has both.

    ``said`` is a text where another system has said it. ``cure`` is given where it stands in no catalogue with the
    sentence. ``str``, ``detail`` and ``cure`` are English; ``detail_in`` and ``cure_in`` word it for who reads.

    ``type`` is the last part of the stable problem type URI, one of ``gateway.words.problems``, which gives the HTTP
    ``status``; ``field`` a dotted path into the request where one field is to blame; ``extra`` further members of the
    problem document (JSON values only). ValueError for a type that is not declared, or is none of this class.
    """

    type = "bad-request"
    family: ClassVar[int | None] = None
    """The status of every problem of a class, where it has one."""

    def __init__(
        self,
        said: Sentence | str,
        *,
        field: str | None = None,
        cure: Sentence | str | None = None,
        type: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(said)
        self.said = said
        self.field = field
        self.extra = extra
        self._cure = cure
        if type is not None:
            self.type = type
        self.status = problem_type(self.type).status
        if "status" in extra or self.family not in (None, self.status):
            raise ValueError(f"a problem of the type {self.type} is {self.status} everywhere")

    @property
    def detail(self) -> str:
        """What went wrong, in English."""
        return self.detail_in(Language.ENGLISH)

    @property
    def cure(self) -> str | None:
        """What to do about it, in English."""
        return self.cure_in(Language.ENGLISH)

    def detail_in(self, language: Language) -> str:
        """What went wrong."""
        return worded(self.said, language)

    def cure_in(self, language: Language) -> str | None:
        """What to do about it."""
        return cure_of(self.said, self._cure, language)

    def __str__(self) -> str:
        return self.detail


class InvalidProblem(Problem):
    """The request is well-formed but a value is not acceptable (422)."""

    family = 422
    type = "invalid-value"


class NotFoundProblem(Problem):
    """No such record for this caller; another tenant's record looks the same (404)."""

    family = 404
    type = "not-found"


class ConflictProblem(Problem):
    """The request contradicts the present state of the record (409)."""

    family = 409
    type = "conflict"


class UnavailableProblem(Problem):
    """The gateway cannot serve this now: queue full, channel stopped, shutting down (503)."""

    family = 503
    type = "unavailable"


class NotAsWrittenError(GatewayError):
    """A file that we have written is not there, or is not what we wrote. ``said`` is for people."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(str(said))
        self.said = said


class SettingsError(GatewayError):
    """A setting stops the start. ``key`` is the dotted key, ``said`` what is wrong and what to do.

    ``cure``, kept as ``then``, is given where it does not stand in the catalogue with the sentence.
    """

    def __init__(self, key: str, said: Sentence | str, cure: Sentence | str | None = None) -> None:
        super().__init__(key, said)
        self.key = key
        self.said = said
        self.then = cure

    @property
    def reason(self) -> str:
        """What is wrong, in English."""
        return self.reason_in(Language.ENGLISH)

    @property
    def cure(self) -> str:
        """What to do about it, in English."""
        return self.cure_in(Language.ENGLISH)

    def reason_in(self, language: Language) -> str:
        """What is wrong."""
        return worded(self.said, language)

    def cure_in(self, language: Language) -> str:
        """What to do about it."""
        return cure_of(self.said, self.then, language) or ""

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}. {self.cure}"
