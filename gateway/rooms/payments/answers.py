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
from gateway.ports.base import Pending, Refused
from gateway.ports.nontax import (
    Bill,
    BillState,
    CancelRequest,
    Issued,
    IssueRequest,
    NonTaxPlatform,
    PaidFact,
)
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.asks import PlatformAsks
from gateway.rooms.payments.bill import (
    BillAsk,
    CancelAnswer,
    CancelAsk,
    bill_question,
    check_bill,
    check_issued,
    closed_words,
    hands_over,
    issued_from,
)
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.collections import Applied, Heard, apply_paid, settle
from gateway.rooms.payments.demand import Demands
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.records import Payment, Source
from gateway.rooms.payments.states import CodeState, Status
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ContractError, ExchangeError, UnusableError

_FIRST_LOOK = 60 * 1_000_000
_LONGEST_LOOK = 3600 * 1_000_000
"""From one question to the next while a bill is being paid, in microseconds: half of what it has lasted."""


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
                hands_over=hands_over,
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
                request_model=BillAsk,
                answer_model=Bill,
                call=_confirm,
                check=check_bill,
                record=self.confirmed,
                effectful=False,
            ),
        )

    def apply_paid(self, conn: Connection, channel: str, fact: PaidFact, source: Source, now: int) -> Applied:
        """Money arrived, whoever tells first; see ``gateway.rooms.payments.collections.apply_paid``."""
        heard = Heard(source, now, self._demands.quoted)
        return apply_paid(conn, self._base.events, self._base.envelope, channel, fact, heard)

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
                    pay_url=issued.pay_url or self._cashier(operation.channel, issued.code),
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
        bill = outcome.answer
        for fact in bill.paid:
            self.apply_paid(conn, operation.channel, fact, "query", now)
        payment = records.held(conn, operation.subject)
        if bill.state is BillState.REFUNDED and payment.status is Status.PAID:
            self._asks.tell(conn, payment, "payment.refunded_at_platform", code=payment.code)
        if payment.status is not Status.ISSUED:
            return
        if bill.pay_url is not None and payment.pay_url is None:
            records.change(conn, payment.id, now, pay_url=bill.pay_url)
        self._being_paid(conn, payment, bill, now)
        if bill.state is BillState.VOID:
            self._asks.tell(conn, payment, "payment.void_at_platform", code=payment.code)
        if (why := closed_words(bill)) is not None:
            self._takes_no_money(conn, payment, now, cause=bill.state.value, reason=why)
        if bill.state is BillState.REFUNDED:
            why = "平台:已退付 refunded at the platform, which told of no money"
            self._takes_no_money(conn, payment, now, cause=bill.state.value, reason=bill.reason or why)
        until = bill.valid_until or payment.valid_until_on
        if bill.state is BillState.UNPAID and until is not None and until < day_of(self._base.clock.now()):
            self._takes_no_money(conn, payment, now, cause="validity", valid_until=str(until))

    def _takes_no_money(self, conn: Connection, payment: Payment, now: int, **told: str) -> None:
        """The platform's word that the code takes no money any more, whatever for. The duty to pay remains."""
        code = records.live_code(conn, payment.id)
        said = {"code": payment.code, **told}
        ended = {"reason": told.get("reason"), "being_paid_since_at": None}
        if code is not None and self._lives.payment.move(conn, payment, Status.EXPIRED, tell=said, **ended):
            self._lives.code.move(conn, CodeKey(code.channel, code.reference), CodeState.EXPIRED, closed_at=now)

    def _being_paid(self, conn: Connection, payment: Payment, bill: Bill, now: int) -> None:
        """Somebody is paying, or is not any more: then what should have been taken back meanwhile is."""
        since = payment.being_paid_since_at
        if bill.state is BillState.BEING_PAID:
            if since is None:
                records.change(conn, payment.id, now, being_paid_since_at=now)
                self._asks.tell(conn, payment, "payment.being_paid", code=payment.code)
            pause = min(_LONGEST_LOOK, max(_FIRST_LOOK, (now - (since or now)) // 2))
            self._asks.how_it_stands(conn, payment, claim=False, not_before=now + pause)
        elif since is not None:
            records.change(conn, payment.id, now, being_paid_since_at=None)
            if bill.state is BillState.UNPAID:
                self._asks.tell(conn, payment, "payment.payable_again", code=payment.code)
                self._take_back(conn, payment)

    def _take_back(self, conn: Connection, payment: Payment) -> None:
        """Void a code that must not be paid any more: its decision was revoked, or imposes less by now."""
        if payment.decision_id is None:
            return
        decision = fetch_decision(conn, self._base.envelope, payment.decision_id)
        assert decision is not None
        if decision.revoked:
            self._asks.void_unpaid(conn, records.held(conn, payment.id), "行政处罚决定已撤销")
        else:
            self._asks.void_excess(conn, decision)

    def _cashier(self, channel: str, code: str) -> str | None:
        """Where a code is paid, by the channel's pattern: for platforms that do not say, or whose answer was lost."""
        pattern = self._base.channels.get(channel).keys_of(PaymentKeys).pay_url
        return None if pattern is None else pattern.replace("{code}", code)

    def _apply_waiting(self, conn: Connection, payment_id: str, channel: str, code: str, now: int) -> None:
        """Money that came before the code's answer did."""
        for waiting in records.unmatched(conn, channel, code):
            owner = records.by_code(conn, channel, code)
            assert owner is not None
            records.claim_collection(conn, waiting.id, payment_id)
            payment = records.held(conn, payment_id)
            heard = Heard(waiting.source, now, self._demands.quoted)
            settle(conn, self._base.events, payment, owner, waiting, heard)


async def _issue(platform: NonTaxPlatform, request: IssueRequest) -> Issued | Pending:
    return await platform.issue(request)


async def _find_issued(platform: NonTaxPlatform, request: IssueRequest) -> Issued | Pending | Refused | None:
    by = platform.info.find.by
    bill = await platform.find(bill_question(by & {"reference"} or by, request.reference, request.code))
    if isinstance(bill, Bill) and not bill.reference:  # it is not told our number, and was asked by what we asked
        bill = bill.model_copy(update={"reference": request.reference})
    if isinstance(bill, Bill) and bill.state is BillState.UNPAID and bill.pay_url is None:
        bill = bill.model_copy(update={"pay_url": await _address_again(platform, request, bill.code)})
    return issued_from(bill) if isinstance(bill, Bill) else bill


async def _address_again(platform: NonTaxPlatform, request: IssueRequest, code: str) -> str | None:
    """The address of a bill that is known to be there, where only the answer to issuing tells it and may be had again.

    Raises ContractError for another code: then there are two. Whatever else goes wrong leaves the bill without one.
    """
    if not (platform.info.idempotent and platform.info.tells_again):
        return None
    try:
        again = await platform.issue(request)
    except UnusableError:
        return None
    except ContractError:
        raise
    except ExchangeError:
        return None
    if not isinstance(again, Issued):
        return None
    if again.code != code:
        raise ContractError(
            f"the bill {request.reference} was found with code {code} and is answered with {again.code}"
        )
    return again.pay_url


async def _cancel(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer | Pending:
    request = CancelRequest(**ask.model_dump())
    done = await platform.cancel(request)
    return done if isinstance(done, Pending) else CancelAnswer(code=done.code, state=BillState.VOID)


async def _find_cancelled(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer | Pending | Refused | None:
    bill = await platform.find(bill_question(platform.info.find.by, ask.bill_reference, ask.code))
    if not isinstance(bill, Bill):
        return bill
    if bill.state in (BillState.UNPAID, BillState.BEING_PAID, BillState.EXPIRED):
        return None
    closed = bill.state in (BillState.VOID, BillState.CLOSED)
    return CancelAnswer(code=bill.code, state=BillState.VOID if closed else BillState.PAID)


async def _confirm(platform: NonTaxPlatform, ask: BillAsk) -> Bill | Pending:
    bill = await platform.find(ask.question(platform.info.find.by))
    if bill is None:
        raise ContractError("the platform does not know a code that it issued")
    if isinstance(bill, Refused):
        raise ContractError(f"the platform says that it refused a bill whose code it issued: {bill.reason}")
    return bill
