"""A decision's money and terms over HTTP, each with the row of the law that it follows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.language import in_words
from gateway.foundation.http.persons import Plainly
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import RuleView, View
from gateway.rooms.payments import Payments
from gateway.rooms.payments.explanation import Explanation
from gateway.rooms.payments.routes import SurchargeView
from gateway.words.days import Day
from gateway.words.masking import mask_person
from gateway.words.money import YuanOut

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
ThePayments = Annotated[Payments, Depends(service(Payments))]


class ClaimView(View):
    """One part of the fine and the surcharge on it. ``payment`` is null for what no live payment demands."""

    payment: str | None
    fine: YuanOut
    surcharge: SurchargeView


class OwedView(View):
    """What is owed of one kind (fine, confiscated, surcharge), what of it was paid by the day, and what is left."""

    kind: str
    owed: YuanOut
    paid: YuanOut
    left: YuanOut


class AppealView(View):
    """One appeal; ``party`` is null for the decision's own."""

    id: str | None
    kind: str | None
    party: str | None
    since: date
    until: date | None


class TermView(View):
    """One term: that to serve what is not served; the last of the days of surcharge after which an organ may enforce by
    itself; the end of the reminder 催告, of the party's terms to apply for reconsideration and to sue, and of the term
    to ask the court.
    """

    name: Literal["service", "surcharge", "urging", "review", "suing", "court"]
    last_day: date
    provisional: bool
    rule: RuleView


class ExplanationView(View):
    """What is owed up to and including a day, and why. ``to_pay``: the exact sum that a 催告 of that day names.

    ``warnings``: what is unusual about the decision, as two appeals that one party has open at once.
    """

    authority: str
    number: str
    on: date
    received_on: date | None
    due_on: date | None
    provisional: bool
    because: str | None
    appeals: list[AppealView]
    claims: list[ClaimView]
    owed: list[OwedView]
    to_pay: YuanOut
    terms: list[TermView]
    rules: list[RuleView]
    warnings: list[str]

    @classmethod
    def of(cls, found: Explanation, *, plainly: bool) -> ExplanationView:
        """From the room's value; who appealed is masked unless ``plainly``."""
        due, receipt = found.due, found.receipt
        return cls(
            authority=found.decision.authority,
            number=found.decision.number,
            on=found.on,
            received_on=None if receipt is None else receipt.on,
            due_on=None if due is None else due.on,
            provisional=due is not None and due.provisional,
            because=None if due is None else in_words(due.because),
            appeals=[
                AppealView.showing(one, party=one.party if plainly or one.party is None else mask_person(one.party))
                for one in found.appeals
            ],
            claims=[ClaimView.showing(one, surcharge=SurchargeView.of(one.surcharge)) for one in found.claims],
            owed=[OwedView.showing(one) for one in found.owed],
            to_pay=found.left,
            terms=[TermView.showing(one, rule=RuleView.of(one.rule)) for one in found.terms],
            rules=[RuleView.of(one) for one in found.rules],
            warnings=[in_words(one.reason) for one in found.warnings],
        )


@router.get("/{authority}/{number:path}/explanation", response_model=ExplanationView)
async def explain_decision(
    payments: ThePayments,
    who: Reader,
    plainly: Plainly,
    authority: Annotated[str, Path(min_length=1, max_length=40)],
    number: Annotated[
        str, Path(min_length=1, max_length=128, description="decision number 决定书文号, percent-encoded")
    ],
    on: Day | None = None,
) -> ExplanationView:
    """What is owed of a decision up to and including a day (today), by which clocks, and by which rows of the law."""
    require_authority(who, authority, "decision")
    return ExplanationView.of(await payments.explanations.of(authority, number, on), plainly=plainly)
