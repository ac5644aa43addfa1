"""What the platform answered: a code, a void, how a bill stands. Recorded in the ledger's transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import (
    Action,
    Done,
    Operation,
    Outcome,
    Rejected,
    Unsettled,
)
from gateway.foundation.delivery.actions import NotYet
from gateway.ports.base import Pending, Refused
from gateway.ports.nontax import (
    Bill,
    BillState,
    CancelRequest,
    FindRequest,
    Issued,
    IssueRequest,
    NonTaxPlatform,
    PaidFact,
)
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.asks import PlatformAsks
from gateway.rooms.payments.bill import CancelAnswer, CancelAsk, check_issued, issued_from
from gateway.rooms.payments.collections import Applied, apply_paid, settle
from gateway.rooms.payments.demand import Demands
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.records import Source
from gateway.rooms.payments.states import CodeState, Status
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ContractError


class PlatformAnswers:
    """Takes what becomes of issuing, voiding and asking; each moves its payment."""

    def __init__(self, base: Foundation, lives: PaymentLives, asks: PlatformAsks, demands: Demands) -> None:
        self._base = base
        self._lives = lives
        self._asks = asks
        self._demands = demands

    def actions(self) -> tuple[Action, ...]:
        """The effects and questions that this room brings to delivery."""
        return (
            Action(
                name="nontax.issue",
                request_model=IssueRequest,
                answer_model=Issued,
                call=_issue,
                find=_find_issued,
                check=check_issued,
                record=self.issue_ended,
            ),
            Action(
                name="nontax.cancel",
                request_model=CancelAsk,
                answer_model=CancelAnswer,
                call=_cancel,
                find=_find_cancelled,
                record=self.cancel_ended,
            ),
            Action(
                name="nontax.confirm",
                request_model=FindRequest,
                answer_model=Bill,
                call=_confirm,
                record=self.confirmed,
                effectful=False,
            ),
        )

    def apply_paid(self, conn: Connection, channel: str, fact: PaidFact, source: Source, now: int) -> Applied:
        """Money arrived, whoever tells first; see ``gateway.rooms.payments.collections.apply_paid``."""
        return apply_paid(
            conn, self._base.events, self._base.envelope, channel, fact, source, now, self._demands.quoted
        )

    def issue_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The code came, was refused, or nobody knows."""
        now = to_micros(self._base.clock.now())
        assert operation.reference is not None
        asked = CodeKey(operation.channel, operation.reference)
        records.lock_decision_of(conn, operation.subject)
        match outcome:
            case Done(answer=Issued() as issued, found=found):
                known = records.awaited(conn, operation.subject, operation.channel, issued.code)
                payment = known.payment
                if known.owner is not None and known.owner_reference != operation.reference:
                    raise ContractError(f"the answer's code {issued.code} is that of payment {known.owner}")
                issuing = self._lives.payment.move(
                    conn,
                    payment,
                    Status.ISSUED,
                    tell={"code": issued.code, "found_after_doubt": found},
                    code=issued.code,
                    pay_url=issued.pay_url,
                    check_code=issued.check_code,
                    valid_until_on=issued.valid_until,
                )
                assert issuing, "a code arrived for a payment that asked for none"
                given = self._lives.code.move(conn, asked, CodeState.LIVE, code=issued.code, issued_at=now)
                assert given, "a code arrived for a request that has ended"
                if known.money_waits:
                    self._apply_waiting(conn, payment.id, operation.channel, issued.code, now)
                if found:
                    self._asks.how_it_stands(conn, replace(payment, code=issued.code), claim=False)
                if known.revoked:
                    self._asks.void_unpaid(conn, records.held(conn, payment.id), "行政处罚决定已撤销")
                elif known.amended and payment.decision_id is not None:  # perhaps while the code was being asked for
                    decision = fetch_decision(conn, self._base.envelope, payment.decision_id)
                    assert decision is not None
                    self._asks.void_excess(conn, decision)
            case Rejected(reason=reason, code=code):
                told = {"reason": reason, "platform_code": code}
                payment = records.held(conn, operation.subject)
                self._lives.payment.move(conn, payment, Status.REJECTED, tell=told, reason=reason)
                self._lives.code.move(conn, asked, CodeState.REFUSED, closed_at=now)
            case Unsettled():
                self._lives.payment.doubt(conn, records.held(conn, operation.subject), outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def cancel_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The bill is void, was paid before, or nobody knows."""
        now = to_micros(self._base.clock.now())
        payment = records.held(conn, operation.subject)
        match outcome:
            case Done(answer=CancelAnswer(state=BillState.VOID)):
                code = records.live_code(conn, payment.id)
                told = {"reason": payment.reason or ""}
                if self._lives.payment.move(conn, payment, Status.CANCELLED, tell=told):
                    if code is not None:
                        key = CodeKey(code.channel, code.reference)
                        self._lives.code.move(conn, key, CodeState.VOID, closed_at=now)
                    if payment.reissue_sealed is not None:
                        self._demands.request_code_again(conn, payment, operation)
            case Done() | Rejected():
                why = outcome.reason if isinstance(outcome, Rejected) else "the bill was paid before"
                self._lives.payment.move(conn, payment, Status.ISSUED, tell={"reason": why})
                self._asks.how_it_stands(conn, payment, claim=False)
            case Unsettled():
                self._lives.payment.doubt(conn, payment, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def confirmed(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The platform said how a bill stands: money, a void, a code that is past its validity."""
        now = to_micros(self._base.clock.now())
        payment = records.held(conn, operation.subject)
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Bill):
            return
        for fact in outcome.answer.paid:
            self.apply_paid(conn, operation.channel, fact, "query", now)
        bill = outcome.answer
        if bill.state is BillState.VOID and payment.status is Status.ISSUED:
            self._asks.tell(conn, payment, "payment.void_at_platform", code=payment.code)
        until = bill.valid_until or payment.valid_until_on
        if bill.state is BillState.UNPAID and until is not None and until < day_of(self._base.clock.now()):
            code = records.live_code(conn, payment.id)
            told = {"code": payment.code, "valid_until": str(until)}
            if code is not None and self._lives.payment.move(conn, payment, Status.EXPIRED, tell=told):
                self._lives.code.move(conn, CodeKey(code.channel, code.reference), CodeState.EXPIRED, closed_at=now)

    def _apply_waiting(self, conn: Connection, payment_id: str, channel: str, code: str, now: int) -> None:
        """Money that came before the code's answer did."""
        for waiting in records.unmatched(conn, channel, code):
            owner = records.by_code(conn, channel, code)
            assert owner is not None
            records.claim_collection(conn, waiting.id, payment_id)
            payment = records.held(conn, payment_id)
            settle(conn, self._base.events, payment, owner, waiting, waiting.source, now, self._demands.quoted)


async def _issue(platform: NonTaxPlatform, request: IssueRequest) -> Issued | Pending:
    return await platform.issue(request)


async def _find_issued(platform: NonTaxPlatform, request: IssueRequest) -> Issued | Pending | Refused | None:
    by_reference = "reference" in platform.info.find.by
    ask = FindRequest(reference=request.reference) if by_reference else FindRequest(code=request.code)
    bill = await platform.find(ask)
    if isinstance(bill, Bill) and not bill.reference:  # it is not told our number, and was asked by what we asked
        bill = bill.model_copy(update={"reference": request.reference})
    return issued_from(bill) if isinstance(bill, Bill) else bill


async def _cancel(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer | Pending:
    request = CancelRequest(**ask.model_dump())
    done = await platform.cancel(request)
    return done if isinstance(done, Pending) else CancelAnswer(code=done.code, state=BillState.VOID)


async def _find_cancelled(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer | Pending | Refused | None:
    bill = await platform.find(FindRequest(code=ask.code))
    if not isinstance(bill, Bill):
        return bill
    if bill.state is BillState.UNPAID:
        return None
    return CancelAnswer(code=bill.code, state=bill.state)


async def _confirm(platform: NonTaxPlatform, ask: FindRequest) -> Bill:
    bill = await platform.find(ask)
    if bill is None:
        raise ContractError("the platform does not know a code that it issued")
    if isinstance(bill, Refused):
        raise ContractError(f"the platform says that it refused a bill whose code it issued: {bill.reason}")
    if isinstance(bill, Pending):
        raise NotYet(bill.ask_after, bill.words or "the platform does not say yet how the bill stands")
    return bill
