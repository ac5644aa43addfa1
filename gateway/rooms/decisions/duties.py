"""What somebody has to do next for a decision: a rule over its facts and over what other rooms say of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from enum import StrEnum

from gateway.rooms.decisions.clocks import Term
from gateway.rooms.decisions.facts import DecisionFacts
from gateway.words.saying import Sentence, say


class Mark(StrEnum):
    """What other rooms say of a decision, as far as it matters for what must be done next."""

    BILLED = "billed"
    """Payment of it was demanded."""
    IN_DOUBT = "in_doubt"
    """What became of a demand at the platform is being found out."""
    PAYABLE = "payable"
    """The party can pay: a code is live."""
    SEALED = "sealed"
    """Its document is sealed, and our own checks have passed."""
    PUBLIC = "public"
    """The public sees it."""


def next_duty(
    facts: DecisionFacts, *, revoked: bool, serve: Term, due_on: date | None, marks: Collection[Mark]
) -> Sentence | None:
    """What somebody has to do next, in the order of acts of an ordinary procedure; None where nothing is to be done.

    ``serve``: the term to serve it. ``due_on``: the last day to pay, None while the decision is not served.
    """
    if revoked:
        return say("decisions.duty_withdraw") if Mark.PUBLIC in marks else None
    if (facts.fine or facts.confiscated) and Mark.BILLED not in marks:
        return say("decisions.duty_code")
    if Mark.SEALED not in marks:
        return say("decisions.duty_seal")
    if due_on is None:
        return say("decisions.duty_serve", on=serve.last_day, figure=serve.rule.figure, cited=serve.rule.cited)
    if Mark.IN_DOUBT in marks:
        return say("decisions.duty_none")
    if Mark.PAYABLE in marks:
        return say("decisions.duty_pays", due_on=due_on)
    return None
