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


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """One kind of system and the types of problem for it.

    ``system``: what it is called in a sentence. ``later``: the cure where it cannot be reached. ``denied`` and
    ``not_offered`` (with ``instead``, its cure) where a caller is told these apart from a system out of reach.
    """

    system: str
    rejected: str
    busy: str
    broken: str
    unreachable: str
    later: str
    denied: str | None = None
    not_offered: str | None = None
    instead: str = ""

    def problem(self, error: ExchangeError) -> Problem:
        """A "no" in the system's own words, else why nothing is known and what to do."""
        match error:
            case RejectedError():
                return InvalidProblem(error.reason, type=self.rejected, code=error.code)
            case BusyError():
                return UnavailableProblem(
                    f"{self.system} is busy",
                    type=self.busy,
                    cure="Repeat the request a little later.",
                    retry_after=math.ceil(error.retry_after or 5.0),
                )
            case DeniedError() if self.denied is not None:
                return UnavailableProblem(
                    f"{self.system} refuses our credentials",
                    type=self.denied,
                    cure="Have an operator check the channel's credentials.",
                )
            case UnsupportedError() if self.not_offered is not None:
                return UnavailableProblem(
                    f"{self.system} does not offer that", type=self.not_offered, cure=self.instead
                )
            case ContractError():
                return UnavailableProblem(
                    f"{self.system}'s answer cannot be trusted",
                    type=self.broken,
                    cure="Have an operator look at the exchange; nothing of the answer was taken over.",
                )
            case _:
                reason = "cannot be reached" if self.denied else "cannot be reached, or does not let us in"
                return UnavailableProblem(f"{self.system} {reason}", type=self.unreachable, cure=self.later)
