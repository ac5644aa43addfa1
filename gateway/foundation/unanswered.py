"""What a caller is told when a question to another system failed while the caller waited."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    InvalidProblem,
    Problem,
    RejectedError,
    UnavailableProblem,
    UnsupportedError,
)
from gateway.words.saying import Sentence, say


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """One kind of system and the types of problem for it.

    ``system``: what it is called in a sentence. ``later``: the cure where it cannot be reached. ``denied`` and
    ``not_offered`` (with ``instead``, its cure) where a caller is told these apart from a system out of reach.
    """

    system: Sentence
    rejected: str
    busy: str
    broken: str
    unreachable: str
    later: Sentence
    denied: str | None = None
    not_offered: str | None = None
    instead: Sentence | None = None

    def problem(self, error: ExchangeError) -> Problem:
        """A "no" in the system's own words, else why nothing is known and what to do."""
        match error:
            case RejectedError():
                return InvalidProblem(error.reason, type=self.rejected, code=error.code)
            case BusyError():
                return UnavailableProblem(
                    say("outside.busy", system=self.system),
                    type=self.busy,
                    retry_after=math.ceil(error.retry_after or 5.0),
                )
            case DeniedError() if self.denied is not None:
                return UnavailableProblem(
                    say("outside.denied", system=self.system),
                    type=self.denied,
                )
            case UnsupportedError() if self.not_offered is not None:
                return UnavailableProblem(
                    say("outside.not_offered", system=self.system), type=self.not_offered, cure=self.instead
                )
            case ContractError():
                return UnavailableProblem(
                    say("outside.broken", system=self.system),
                    type=self.broken,
                )
            case _:
                said = "outside.unreachable" if self.denied else "outside.unreachable_or_denied"
                return UnavailableProblem(say(said, system=self.system), type=self.unreachable, cure=self.later)
