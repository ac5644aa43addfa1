"""From a decision to a bill, and back: pure functions that hold every answer against what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from gateway.foundation.handovers import DataKind, HandsOver
from gateway.ports.base import Key, Message, Refused
from gateway.ports.nontax import Bill, BillLine, BillState, FindRequest, Issued, IssueRequest
from gateway.rooms.decisions import Decision, PartyKind
from gateway.words.days import Day
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, UnsupportedError
from gateway.words.identifiers import check_payment_code
from gateway.words.money import Yuan, format_yuan
from gateway.words.saying import UnfitError, say
from gateway.words.spelling import wire_name
from gateway.words.text import Ask
from gateway.words.wrong import shaped

BASIS: Final = "《罚款决定与罚款收缴分离实施办法》（国务院令第235号）第七条"
"""Why the platform is told who pays: the decision names the sum and the bank that collects it."""


class LineKind(StrEnum):
    """What a line collects: 罚款, 没收违法所得, 加处罚款."""

    FINE = "fine"
    CONFISCATED = "confiscated"
    SURCHARGE = "surcharge"


class LineInput(Ask):
    """One line as a case system asks for it. ``amount`` is decimal yuan on the wire."""

    kind: LineKind
    amount: Yuan

    @field_validator("amount")
    @classmethod
    def _something(cls, value: int) -> int:
        if value == 0:
            raise UnfitError(say("payments.line_zero"))
        return value


class PaymentRequest(Ask):
    """A demand for money from a decision. Without ``lines``: its whole fine and confiscation in one payment.

    ``instalment`` 0 for the whole, from 1 for parts 分期; ``line_group`` keeps lines apart that are collected apart.
    """

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)
    instalment: int = Field(default=0, ge=0, le=99)
    line_group: str = Field(default="main", pattern=shaped(r"^[a-z][a-z0-9_]{0,19}$", "shapes.line_group"))
    lines: tuple[LineInput, ...] | None = Field(default=None, min_length=1, max_length=10)
    due_on: Day | None = Field(default=None, description="an instalment's own last day, from the approved plan")

    @model_validator(mode="after")
    def _plan(self) -> Self:
        if self.due_on is not None and self.instalment == 0:
            raise UnfitError(say("payments.due_on_of_whole"))
        if self.instalment > 0 and self.lines is None:
            raise UnfitError(say("payments.instalment_lines"))
        return self


@dataclass(frozen=True)
class IncomeItem:
    """Under which income item 收入项目 a kind of line is collected."""

    code: str
    name: str


@dataclass(frozen=True)
class Unit:
    """The collecting unit 执收单位 of an authority on a day, with the income items it may collect."""

    code: str
    name: str
    region: str
    items: Mapping[LineKind, IncomeItem]


class CancelAsk(Message):
    """Void one bill; ``reference`` is this request's own, ``bill_reference`` the bill's."""

    reference: str
    bill_reference: str
    code: str
    reason: str


class CancelAnswer(Message):
    """What became of a void: the bill is void, or it was paid before."""

    code: str
    state: BillState


def lines_of(request: PaymentRequest, decision: Decision) -> tuple[LineInput, ...]:
    """The lines asked for, or those that the decision imposes. Raises InvalidProblem when there is nothing to pay."""
    if request.lines is not None:
        return request.lines
    facts = decision.facts
    imposed = ((LineKind.CONFISCATED, facts.confiscated), (LineKind.FINE, facts.fine))
    lines = tuple(LineInput(kind=kind, amount=format_yuan(amount)) for kind, amount in imposed if amount)
    if not lines:
        raise InvalidProblem(
            say("payments.nothing_to_pay"),
            field="decision_number",
        )
    return lines


def check_within(
    decision: Decision, lines: Sequence[LineInput], claimed: Mapping[LineKind, int], accrued: int = 0
) -> None:
    """Live and paid lines of a decision never exceed what it imposes, nor its surcharge what has accrued.

    ``claimed``: fen already demanded, by kind; ``accrued``: the surcharge in fen up to today.
    """
    facts = decision.facts
    imposed = {LineKind.FINE: facts.fine or 0, LineKind.CONFISCATED: facts.confiscated or 0}
    if facts.surcharge_stated:
        imposed[LineKind.SURCHARGE] = accrued
    for kind, limit in imposed.items():
        asked = sum(line.amount for line in lines if line.kind is kind)
        if asked and asked + claimed.get(kind, 0) > limit:
            left = max(0, limit - claimed.get(kind, 0))
            raise ConflictProblem(
                say(
                    "payments.limit",
                    limit=format_yuan(limit),
                    kind=kind,
                    claimed=format_yuan(claimed.get(kind, 0)),
                    left=format_yuan(left),
                ),
                type="exceeds-decision",
                field="lines",
            )
    if any(line.kind is LineKind.SURCHARGE for line in lines) and not facts.surcharge_stated:
        raise InvalidProblem(
            say("payments.surcharge_not_stated"),
            field="lines",
        )


def exceeding(decision: Decision, claimed: Mapping[LineKind, int]) -> frozenset[LineKind]:
    """Kinds of which more is demanded or paid (fen) than the decision imposes; its surcharge is another matter."""
    facts = decision.facts
    imposed = {LineKind.FINE: facts.fine or 0, LineKind.CONFISCATED: facts.confiscated or 0}
    return frozenset(kind for kind, limit in imposed.items() if claimed.get(kind, 0) > limit)


def bill_for(
    decision: Decision,
    lines: Sequence[LineInput],
    unit: Unit,
    *,
    reference: str,
    today: date,
    due_on: date | None,
    code: str | None = None,
) -> IssueRequest:
    """The bill to send. Raises InvalidProblem when the unit may not collect a kind of line."""
    party = decision.facts.party
    bill_lines = []
    for number, line in enumerate(lines):
        item = unit.items.get(line.kind)
        if item is None:
            raise InvalidProblem(
                say("payments.no_income_item", code=unit.code, kind=line.kind, today=today),
                field=f"lines.{number}.kind",
            )
        bill_lines.append(BillLine(item_code=item.code, item_name=item.name, amount=line.amount))
    return IssueRequest(
        reference=reference,
        region=unit.region,
        unit_code=unit.code,
        unit_name=unit.name,
        payer_name=wire_name(party.wire_name or party.name),
        payer_code=None if party.kind is PartyKind.NATURAL_PERSON else party.uscc,
        payer_phone=None if party.phone is None else party.phone.for_official_use(),
        payer_is_person=party.kind is PartyKind.NATURAL_PERSON,
        decision_number=decision.number,
        lines=tuple(bill_lines),
        total=sum(line.amount for line in bill_lines),
        bill_date=today,
        due_on=due_on,
        code=code,
    )


def hands_over(request: IssueRequest) -> HandsOver | None:
    """What a bill tells the platform of a natural person; None for other payers."""
    if not request.payer_is_person:
        return None
    known = {
        DataKind.NAME: request.payer_name,
        DataKind.NUMBER: request.payer_code,
        DataKind.PHONE: request.payer_phone,
    }
    return HandsOver(tuple(kind for kind, value in known.items() if value), BASIS)


def check_issued(request: IssueRequest, answer: Issued) -> None:
    """Hold an answer against the bill that was sent. Raises ContractError."""
    if answer.reference != request.reference:
        raise ContractError(f"the answer is about {answer.reference}, asked was {request.reference}")
    if answer.total != request.total:
        raise ContractError(f"the answer's amount {answer.total} fen differs from the bill's {request.total}")
    if request.code is not None and answer.code != request.code:
        raise ContractError("the answer names another code than the one composed for this bill")
    try:
        check_payment_code(answer.code)
    except ValueError as problem:
        raise ContractError(f"the answer's payment code is none: {problem}") from problem


class BillAsk(Message):
    """How a bill stands: ``reference`` is what it was issued under, ``code`` what we know as its code."""

    reference: str | None
    code: str

    def question(self, by: frozenset[Key]) -> FindRequest:
        """As the platform takes it: by the code where it can be asked so, else by our reference. UnsupportedError."""
        return bill_question(by, self.reference, self.code)


def bill_question(by: frozenset[Key], reference: str | None, code: str | None) -> FindRequest:
    """By what a platform is asked about a bill: its code, where there is one and it is taken, else our reference.

    Raises UnsupportedError where the platform takes neither of what we have.
    """
    if code is not None and "code" in by:
        return FindRequest(code=code)
    if reference is not None and "reference" in by:
        return FindRequest(reference=reference)
    raise UnsupportedError(f"bills can be asked about by {' or '.join(sorted(by))} only")


def check_bill(ask: BillAsk, answer: Bill) -> None:
    """Hold an answer against the bill that was asked about. Raises ContractError."""
    other = answer.reference and ask.reference not in (None, answer.reference)  # not every platform tells our number
    if answer.code != ask.code or other:
        raise ContractError(
            f"the answer is about {answer.code} of {answer.reference}, asked was {ask.code} of {ask.reference}"
        )


def closed_words(bill: Bill) -> str | None:
    """Why a bill takes no money any more though nobody here voided it; None where it does, or was paid."""
    return bill.reason or _ENDED[bill.state] if bill.state in _ENDED else None


_ENDED = {
    BillState.EXPIRED: "平台:缴款码已过期 the platform let it expire",
    BillState.CLOSED: "平台:已关闭 the platform closed it",
    BillState.VOID: "平台:已作废,并非我方申请 void at the platform, not on our word",
}


def issued_from(bill: Bill) -> Issued | Refused:
    """A found bill as the answer that was lost; closed before we had its code, it is no bill any more.

    Raises ContractError when it was voided by somebody else.
    """
    if bill.state is BillState.VOID:
        raise ContractError(f"bill {bill.reference} exists but is void; we never asked for that")
    if bill.state in (BillState.CLOSED, BillState.EXPIRED):
        return Refused(reason=closed_words(bill) or "", code=bill.state.value)
    return Issued(
        reference=bill.reference,
        code=bill.code,
        total=bill.total,
        pay_url=bill.pay_url,
        valid_until=bill.valid_until,
        check_code=bill.check_code,
    )
