"""What can be done with payments 罚款缴纳."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import segno
from sqlalchemy import Connection

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import (
    Absent,
    Action,
    Delivery,
    Done,
    Doubt,
    Event,
    Events,
    Operation,
    Outcome,
    Parked,
    Rejected,
)
from gateway.foundation.delivery.callbacks import Concerned
from gateway.foundation.store import Store
from gateway.ports.nontax import (
    Bill,
    BillState,
    CancelRequest,
    FindRequest,
    Issued,
    IssueRequest,
    NonTaxPlatform,
    PaidFact,
    PaymentNotice,
)
from gateway.rooms.decisions import Decision, Decisions, DueDate, due_date, revoked_or_amended
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.accrual import due_periods, paid_day
from gateway.rooms.payments.bill import (
    CancelAnswer,
    CancelAsk,
    LineInput,
    LineKind,
    PaymentRequest,
    Unit,
    check_issued,
    exceeding,
    issued_from,
)
from gateway.rooms.payments.collections import Applied, apply_paid, settle
from gateway.rooms.payments.demand import Demand, Demands
from gateway.rooms.payments.notice import notice
from gateway.rooms.payments.records import Payment, PaymentLine, Source
from gateway.rooms.payments.states import CodeState, Status
from gateway.rooms.payments.surcharge import Surcharge
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import ConflictProblem, ContractError, NotFoundProblem
from gateway.words.money import format_yuan

Remember = Callable[[Connection, str], None]
_NOT_PAID_YET = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
_ASK_AGAIN = 24 * 3600 * 1_000_000
_TOGETHER = 200
"""Questions that are written in one transaction."""
_SHARES = 20
"""In how many hours every open bill is asked about: those of a day, less some that were missed."""


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class Payments:
    """Request a code, follow it, cancel it, take the money's notice. Registers its actions with delivery."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        decisions: Decisions,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        calendar: WorkingCalendar,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._decisions = decisions
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._calendar = calendar
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._demands = Demands(delivery, events, channels, envelope, calendar, clock)
        delivery.register(
            Action(
                name="nontax.issue",
                request_model=IssueRequest,
                answer_model=Issued,
                call=_issue,
                find=_find_issued,
                check=check_issued,
                record=self._issue_ended,
            )
        )
        delivery.register(
            Action(
                name="nontax.cancel",
                request_model=CancelAsk,
                answer_model=CancelAnswer,
                call=_cancel,
                find=_find_cancelled,
                record=self._cancel_ended,
            )
        )
        delivery.register(
            Action(
                name="nontax.confirm",
                request_model=FindRequest,
                answer_model=Bill,
                call=_confirm,
                record=self._confirmed,
                effectful=False,
            )
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def set_unit(self, authority: str, unit: Unit, valid_from: date) -> None:
        """Say which unit collects for an authority, under which income items, from a day on."""
        await self._store.write(lambda conn: records.set_unit(conn, authority, unit, valid_from))

    async def request(self, ask: PaymentRequest, *, wait: float = 3.0, remember: Remember = _forget) -> str:
        """Ask the platform for a code; waits up to ``wait`` seconds for the answer, and never cancels the call.

        One transaction holds the payment, its event and the operation with its own reference. Returns the id.
        ``remember(conn, payment_id)`` joins that transaction. Raises InvalidProblem, NotFoundProblem, ConflictProblem.
        """
        today = day_of(self._clock.now())

        def query(conn: Connection) -> tuple[Decision, str, Sequence[LineInput], Unit]:
            decision = self._decisions.read(conn, ask.authority, ask.decision_number)
            channel = self._route(ask.authority)
            return decision, channel, *self._demands.lines_and_unit(conn, ask, decision, today)

        decision, channel, lines, unit = await self._store.read(query)
        made = self._demands.make(ask, decision, lines, unit, channel)

        def unit_of_work(conn: Connection) -> tuple[Operation, Demand]:
            remember(conn, made.id)
            return self._demands.open(conn, made, decision, channel)

        operation, sent = await self._store.write(unit_of_work)
        self._delivery.begin(operation, sent.bill)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)
        return made.id

    async def reissue(
        self, payment_id: str, reason: str, *, wait: float = 3.0, remember: Remember = _forget
    ) -> str | None:
        """Have the code replaced: its void is confirmed before a new one is asked for, in the same transaction.

        The new payment carries the surcharge accrued so far where the channel says ``reissue``; late money on the old
        code opens an exception. Returns the new payment's id, or None while the void is not confirmed. Raises
        NotFoundProblem, and ConflictProblem unless the payment is ISSUED or EXPIRED.
        """
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> tuple[Operation, CancelAsk]:
            remember(conn, payment_id)
            payment = records.held(conn, payment_id)
            if payment.decision_id is None:
                raise ConflictProblem("a remittance is cancelled and made again", type="payment-not-reissuable")
            again = _asked_again(payment, records.lines(conn, payment_id))
            sealed = records.sealed_reissue(self._envelope, payment_id, again)
            records.change(conn, payment_id, now, reissue_sealed=sealed)
            return self._start_cancel(conn, payment, reason, now)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)
        return await self._store.read(lambda conn: records.replacement_of(conn, payment_id))

    async def accrued(self, payment_id: str, on: date | None = None) -> Surcharge:
        """The surcharge on a payment's fine up to and including a day: today, or the day it was paid, if not given."""

        def query(conn: Connection) -> Surcharge:
            payment = records.held(conn, payment_id)
            if payment.decision_id is None:
                raise NotFoundProblem("a remittance of cash bears no surcharge")
            decision = fetch_decision(conn, self._envelope, payment.decision_id)
            assert decision is not None
            return self._demands.accrued(conn, payment, decision, on or paid_day(payment) or day_of(self._clock.now()))

        return await self._store.read(query)

    async def reduce_surcharge(
        self, payment_id: str, amount: int, *, reason: str, remember: Remember = _forget
    ) -> None:
        """Record an agreement 执行协议 (行政强制法 art. 42): ``amount`` fen off the surcharge, never off the fine."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> None:
            remember(conn, payment_id)
            payment = records.held(conn, payment_id)
            records.change(conn, payment_id, now, surcharge_reduced=amount)
            self._emit(conn, payment, "payment.surcharge_reduced", amount=format_yuan(amount), reason=reason)

        await self._store.write(unit)

    async def sweep(self) -> int:
        """Ask the platform about codes past their validity, and once a day about every code that can still be paid.

        Run every hour, each time for an hour's share of them. A code expires only by the platform's word. Returns how
        many questions were asked.
        """
        now = self._clock.now()
        at = to_micros(now)

        def unit(conn: Connection) -> int:
            payments = records.to_ask(conn, day_of(now), at - _ASK_AGAIN, at, _TOGETHER)
            for payment in payments:
                self._ask_platform(conn, payment, claim=False)
            return len(payments)

        share = max(_TOGETHER, await self._store.read(records.open_bills) // _SHARES)
        asked, just_asked = 0, _TOGETHER
        while just_asked == _TOGETHER and asked < share:
            just_asked = await self._store.write(unit)
            asked += just_asked
            self._delivery.wake()
        return asked

    async def cancel(self, payment_id: str, reason: str, *, wait: float = 3.0, remember: Remember = _forget) -> None:
        """Have the unpaid bill voided. Raises ConflictProblem unless the payment is ISSUED."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> tuple[Operation, CancelAsk]:
            remember(conn, payment_id)
            payment = records.held(conn, payment_id)
            return self._start_cancel(conn, payment, reason, now)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)

    async def confirm(self, payment_id: str, *, wait: float = 3.0) -> None:
        """Ask the platform how the bill stands, and apply what it says."""

        def unit(conn: Connection) -> tuple[Operation, FindRequest]:
            payment = records.held(conn, payment_id)
            return self._ask_platform(conn, payment)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)

    async def get(self, payment_id: str) -> Payment:
        """One payment. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: records.held(conn, payment_id))

    async def by_token(self, token: str) -> Payment | None:
        """The payment behind the payer page's token; None when there is none."""
        index = records.token_index(self._envelope, token)
        return await self._store.read(lambda conn: records.fetch_by_token(conn, index))

    def payer_page(self, payment: Payment) -> str:
        """The address behind the QR code: the page for the party."""
        return f"{self._public_url}/pay/{payment.token(self._envelope)}"

    def qr_svg(self, payment: Payment) -> str:
        """The QR code of the payer page as SVG, level M, four modules of margin."""
        out = io.BytesIO()
        code = segno.make(self.payer_page(payment), error="m", micro=False)
        code.save(out, kind="svg", scale=6, border=4, xmldecl=False)
        return out.getvalue().decode()

    async def notice(self, payment: Payment, authority: str, telephone: str | None) -> bytes:
        """The notice 缴款通知 as PDF; ``authority`` and ``telephone`` are printed on it. See ``payments.notice``."""
        decision_id = payment.decision_id
        if decision_id is None:
            raise ConflictProblem("a remittance of cash is served on nobody", type="payment-without-decision")

        def query(conn: Connection) -> tuple[list[PaymentLine], Decision | None]:
            return records.lines(conn, payment.id), fetch_decision(conn, self._envelope, decision_id)

        lines, decision = await self._store.read(query)
        assert decision is not None
        bill, page = payment.bill(self._envelope), self.payer_page(payment)
        return await asyncio.to_thread(
            notice, payment, lines, bill, decision, authority=authority, telephone=telephone, payer_page=page
        )

    # --- what arrives -----------------------------------------------------------------------------------------------

    def take_notice(self, conn: Connection, channel: str, notice: PaymentNotice, _exchange_id: str) -> Concerned | None:
        """Apply an authenticated payment notice. Money that overtook our answer hurries the question about it."""
        now = to_micros(self._clock.now())
        self.apply_paid(conn, channel, notice.fact, "callback", now)
        owner = records.by_code(conn, channel, notice.fact.code)
        if owner is None:
            if notice.bill_reference is not None:
                self._delivery.hurry(conn, channel, reference=notice.bill_reference)
            return None
        payment = records.held(conn, owner.payment_id)
        return Concerned(payment.authority, payment.id)

    def quoted(self, conn: Connection, payment: Payment, paid_at: int) -> int:
        """The surcharge that the platform may have added to a payment at that instant (microseconds), in fen."""
        return self._demands.quoted(conn, payment, paid_at)

    def apply_paid(self, conn: Connection, channel: str, fact: PaidFact, source: Source, now: int) -> Applied:
        """Money arrived, whoever tells first; see ``gateway.rooms.payments.collections.apply_paid``."""
        return apply_paid(conn, self._events, self._envelope, channel, fact, source, now, self._demands.quoted)

    def decision_moved(self, conn: Connection, event: Event) -> None:
        """A decision was served, amended, deferred, changed or revoked: move due dates, and take back what is too much.

        A revoked decision must not be paid, nor more than an amended one imposes. A code that is still being asked for
        is voided as soon as it is there (``_issue_ended``); ``payment.exceeds_decision`` tells of what is paid already.
        """
        records.lock_decision(conn, event.subject)
        decision = fetch_decision(conn, self._envelope, event.subject)
        assert decision is not None
        now = to_micros(self._clock.now())
        due = due_date(decision.facts, decision.events, self._calendar)
        for payment in records.of_decision(conn, decision.id):
            mine = due
            if due is not None and payment.planned_due_on is not None:  # its own plan, moved by deferrals only
                planned = due_periods(decision, self._calendar, payment.planned_due_on)
                mine = DueDate(planned[-1].due_on, False, "the approved plan of instalments")
            if mine is not None and payment.due_on != mine.on and payment.status in _NOT_PAID_YET:
                records.change(conn, payment.id, now, due_on=mine.on, due_provisional=int(mine.provisional))
                self._emit(conn, payment, "payment.due_date", due_on=str(mine.on), provisional=mine.provisional)
            if decision.revoked:
                self._take_back(conn, payment, now, "行政处罚决定已撤销")
        if not decision.revoked:
            self._fit(conn, decision, now)

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _issue_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        payment = records.held(conn, operation.subject)
        assert operation.reference is not None
        if payment.decision_id is not None:
            records.lock_decision(conn, payment.decision_id)
        match outcome:
            case Done(answer=Issued() as issued, found=found):
                owner = records.by_code(conn, operation.channel, issued.code)
                if owner is not None and owner.reference != operation.reference:
                    raise ContractError(f"the answer's code {issued.code} is that of payment {owner.payment_id}")
                issuing = records.move(
                    conn,
                    payment.id,
                    Status.ISSUED,
                    now,
                    code=issued.code,
                    pay_url=issued.pay_url,
                    check_code=issued.check_code,
                    valid_until_on=issued.valid_until,
                    in_doubt_since_at=None,
                    doubt_reason=None,
                )
                assert issuing, "a code arrived for a payment that asked for none"
                records.change_code(
                    conn,
                    operation.channel,
                    operation.reference,
                    CodeState.LIVE,
                    code=issued.code,
                    issued_at=now,
                )
                self._emit(conn, payment, "payment.issued", code=issued.code, found_after_doubt=found)
                self._apply_waiting(conn, payment.id, operation.channel, issued.code, now)
                if found:
                    self._ask_platform(conn, replace(payment, code=issued.code), claim=False)
                if payment.decision_id is None:
                    return
                revoked, amended = revoked_or_amended(conn, payment.decision_id)
                if revoked:
                    self._take_back(conn, records.held(conn, payment.id), now, "行政处罚决定已撤销")
                elif amended:  # perhaps while the code was being asked for
                    decision = fetch_decision(conn, self._envelope, payment.decision_id)
                    assert decision is not None
                    self._fit(conn, decision, now)
            case Rejected(reason=reason, code=code):
                records.move(
                    conn, payment.id, Status.REJECTED, now, reason=reason, in_doubt_since_at=None, doubt_reason=None
                )
                records.change_code(conn, operation.channel, operation.reference, CodeState.REFUSED, closed_at=now)
                self._emit(conn, payment, "payment.rejected", reason=reason, platform_code=code)
            case _:
                self._doubt(conn, payment, outcome, now)

    def _cancel_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        payment = records.held(conn, operation.subject)
        match outcome:
            case Done(answer=CancelAnswer(state=BillState.VOID)):
                if records.move(conn, payment.id, Status.CANCELLED, now, in_doubt_since_at=None, doubt_reason=None):
                    code = records.live_code(conn, payment.id)
                    if code is not None:
                        records.change_code(conn, payment.channel, code.reference, CodeState.VOID, closed_at=now)
                    self._emit(conn, payment, "payment.cancelled", reason=payment.reason or "")
                    if payment.reissue_sealed is not None:
                        self._demands.reopen(conn, payment)
            case Done() | Rejected():
                why = outcome.reason if isinstance(outcome, Rejected) else "the bill was paid before"
                if records.move(conn, payment.id, Status.ISSUED, now, in_doubt_since_at=None, doubt_reason=None):
                    self._emit(conn, payment, "payment.cancel_refused", reason=why)
                self._ask_platform(conn, payment, claim=False)
            case _:
                self._doubt(conn, payment, outcome, now)

    def _confirmed(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        payment = records.held(conn, operation.subject)
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Bill):
            return
        for fact in outcome.answer.paid:
            self.apply_paid(conn, operation.channel, fact, "query", now)
        bill = outcome.answer
        if bill.state is BillState.VOID and payment.status is Status.ISSUED:
            self._emit(conn, payment, "payment.void_at_platform", code=payment.code)
        until = bill.valid_until or payment.valid_until_on
        if bill.state is BillState.UNPAID and until is not None and until < day_of(self._clock.now()):
            code = records.live_code(conn, payment.id)
            if code is not None and records.move(conn, payment.id, Status.EXPIRED, now):
                records.change_code(conn, payment.channel, code.reference, CodeState.EXPIRED, closed_at=now)
                self._emit(conn, payment, "payment.expired", code=payment.code, valid_until=str(until))

    def _apply_waiting(self, conn: Connection, payment_id: str, channel: str, code: str, now: int) -> None:
        """Money that came before the code's answer did."""
        for waiting in records.unmatched(conn, channel, code):
            owner = records.by_code(conn, channel, code)
            assert owner is not None
            records.claim_collection(conn, waiting.id, payment_id)
            payment = records.held(conn, payment_id)
            settle(conn, self._events, payment, owner, waiting, waiting.source, now, self._demands.quoted)

    def _doubt(self, conn: Connection, payment: Payment, outcome: Outcome, now: int) -> None:
        match outcome:
            case Doubt(reason=reason):
                records.change(conn, payment.id, now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, payment, "payment.in_doubt", reason=reason)
            case Absent():
                records.change(conn, payment.id, now, in_doubt_since_at=None, doubt_reason=None)
            case Parked(reason=reason):
                records.change(conn, payment.id, now, doubt_reason=reason)
                self._emit(conn, payment, "payment.parked", reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take_back(self, conn: Connection, payment: Payment, now: int, reason: str) -> None:
        """Void an unpaid code that must not be paid."""
        if payment.status is Status.ISSUED:
            self._start_cancel(conn, payment, reason, now, claim=False)

    def _fit(self, conn: Connection, decision: Decision, now: int) -> None:
        """Void unpaid codes that demand more than the decision imposes since it was amended; tell of money too much."""
        too_much = exceeding(decision, records.claimed(conn, decision.id))
        if not too_much:
            return
        for payment in records.of_decision(conn, decision.id):
            mine = [line for line in records.lines(conn, payment.id) if line.kind in too_much]
            if not mine:
                continue
            self._take_back(conn, payment, now, "行政处罚决定已变更")
            if payment.status is Status.PAID:
                self._emit(conn, payment, "payment.exceeds_decision", kinds=[line.kind.value for line in mine])

    def _start_cancel(
        self, conn: Connection, payment: Payment, reason: str, now: int, *, claim: bool = True
    ) -> tuple[Operation, CancelAsk]:
        if payment.status is Status.EXPIRED and records.waits_about_late_money(conn, payment.id):
            raise ConflictProblem(
                "money came on this code after it had expired, and nobody has said yet what becomes of it",
                type="exception-open",
                cure="Settle the exception first: kept, the money pays this bill; refunded, the code can be replaced.",
            )
        code = records.live_code(conn, payment.id) or records.expired_code(conn, payment.id)
        if code is None or not records.move(conn, payment.id, Status.CANCELLING, now, reason=reason):
            raise ConflictProblem(
                f"a payment that is {payment.status} cannot be cancelled",
                type="payment-not-cancellable",
                cure="Only an issued, unpaid payment can be cancelled; a paid one is refunded.",
                payment_status=payment.status.value,
            )
        assert payment.code is not None
        ask = CancelAsk(
            reference=self._delivery.new_reference(payment.channel),
            bill_reference=code.reference,
            code=payment.code,
            reason=reason,
        )
        self._emit(conn, payment, "payment.cancelling", reason=reason)
        operation = self._delivery.enqueue(
            conn,
            action="nontax.cancel",
            channel=payment.channel,
            authority=payment.authority,
            subject=payment.id,
            request=ask,
            claim=claim,
        )
        return operation, ask

    def _ask_platform(self, conn: Connection, payment: Payment, *, claim: bool = True) -> tuple[Operation, FindRequest]:
        if payment.code is None:
            raise ConflictProblem(
                "this payment has no code yet; its request is still being followed", type="payment-not-issued"
            )
        records.change(conn, payment.id, payment.updated_at, asked_at=to_micros(self._clock.now()))
        ask = FindRequest(code=payment.code)
        operation = self._delivery.enqueue(
            conn,
            action="nontax.confirm",
            channel=payment.channel,
            authority=payment.authority,
            subject=payment.id,
            request=ask,
            claim=claim,
        )
        return operation, ask

    def _route(self, authority: str) -> str:
        channels = self._channels.route(authority, "payments")
        if not channels:
            raise ConflictProblem(
                f"no channel takes payments for authority {authority}",
                type="no-channel",
                cure='Add a [[routes]] block with capability = "payments" to the settings.',
            )
        return channels[0].name

    def _emit(self, conn: Connection, payment: Payment, type: str, **data: Any) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=payment.id,
            authority=payment.authority,
            data={"decision_number": payment.decision_number, **data},
        )


async def _issue(platform: NonTaxPlatform, request: IssueRequest) -> Issued:
    return await platform.issue(request)


async def _find_issued(platform: NonTaxPlatform, request: IssueRequest) -> Issued | None:
    bill = await platform.find(FindRequest(reference=request.reference))
    return None if bill is None else issued_from(bill)


async def _cancel(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer:
    request = CancelRequest(**ask.model_dump())
    done = await platform.cancel(request)
    return CancelAnswer(code=done.code, state=BillState.VOID)


async def _find_cancelled(platform: NonTaxPlatform, ask: CancelAsk) -> CancelAnswer | None:
    bill = await platform.find(FindRequest(code=ask.code))
    if bill is None or bill.state is BillState.UNPAID:
        return None
    return CancelAnswer(code=bill.code, state=bill.state)


async def _confirm(platform: NonTaxPlatform, ask: FindRequest) -> Bill:
    bill = await platform.find(ask)
    if bill is None:
        raise ContractError("the platform does not know a code that it issued")
    return bill


def _asked_again(payment: Payment, lines: Sequence[PaymentLine]) -> PaymentRequest:
    """The same demand; its surcharge is counted anew when its code is asked for."""
    return PaymentRequest(
        authority=payment.authority,
        decision_number=payment.decision_number,
        instalment=payment.instalment,
        line_group=payment.line_group,
        lines=tuple(
            LineInput.model_construct(kind=line.kind, amount=line.amount)
            for line in lines
            if line.kind is not LineKind.SURCHARGE
        ),
        due_on=payment.planned_due_on,
    )
