"""What can be done with payments 罚款缴纳."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import segno
from sqlalchemy import Connection, RowMapping

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
from gateway.rooms.decisions import Decision, Decisions, DueDate, due_date, moved
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
from gateway.rooms.payments.collections import Applied, Source, apply_paid, settle
from gateway.rooms.payments.demand import Demand, Demands
from gateway.rooms.payments.notice import notice
from gateway.rooms.payments.states import Status
from gateway.rooms.payments.surcharge import Surcharge
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import ConflictProblem, ContractError, NotFoundProblem
from gateway.words.money import format_yuan

Remember = Callable[[Connection, str], None]
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
            row = records.fetch(conn, payment_id)
            if row is None:
                raise NotFoundProblem("no such payment")
            if row["decision_id"] is None:
                raise ConflictProblem("a remittance is cancelled and made again", type="payment-not-reissuable")
            lines = [
                {"kind": line["kind"], "amount": format_yuan(line["amount"])}
                for line in records.lines(conn, payment_id)
                if line["kind"] != LineKind.SURCHARGE.value
            ]
            again = {
                "authority": row["authority"],
                "decision_number": row["decision_number"],
                "instalment": row["instalment"],
                "line_group": row["line_group"],
                "lines": lines,
                "due_on": str(row["planned_due_on"]) if row["planned_due_on"] else None,
            }
            sealed = self._envelope.seal(json.dumps(again).encode(), f"payment|reissue|{payment_id}")
            records.change(conn, payment_id, now, reissue_sealed=sealed)
            return self._start_cancel(conn, row, reason, now)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)
        return await self._store.read(lambda conn: records.replacement_of(conn, payment_id))

    async def accrued(self, payment_id: str, on: date | None = None) -> Surcharge:
        """The surcharge on a payment's fine up to and including a day: today, or the day it was paid, if not given."""

        def query(conn: Connection) -> Surcharge:
            row = records.fetch(conn, payment_id)
            if row is None:
                raise NotFoundProblem("no such payment")
            if row["decision_id"] is None:
                raise NotFoundProblem("a remittance of cash bears no surcharge")
            decision = fetch_decision(conn, self._envelope, row["decision_id"])
            assert decision is not None
            return self._demands.accrued(conn, row, decision, on or paid_day(row) or day_of(self._clock.now()))

        return await self._store.read(query)

    async def reduce_surcharge(
        self, payment_id: str, amount: int, *, reason: str, remember: Remember = _forget
    ) -> None:
        """Record an agreement 执行协议 (行政强制法 art. 42): ``amount`` fen off the surcharge, never off the fine."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> None:
            remember(conn, payment_id)
            row = records.fetch(conn, payment_id)
            if row is None:
                raise NotFoundProblem("no such payment")
            records.change(conn, payment_id, now, surcharge_reduced=amount)
            self._emit(conn, row, "payment.surcharge_reduced", amount=format_yuan(amount), reason=reason)

        await self._store.write(unit)

    async def sweep(self) -> int:
        """Ask the platform about codes past their validity, and once a day about every code that can still be paid.

        Run every hour, each time for an hour's share of them. A code expires only by the platform's word. Returns how
        many questions were asked.
        """
        now = self._clock.now()
        at = to_micros(now)

        def unit(conn: Connection) -> int:
            rows = records.to_ask(conn, day_of(now), at - _ASK_AGAIN, at, _TOGETHER)
            for row in rows:
                self._ask_platform(conn, row, claim=False)
            return len(rows)

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
            row = records.fetch(conn, payment_id)
            if row is None:
                raise NotFoundProblem("no such payment")
            return self._start_cancel(conn, row, reason, now)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)

    async def confirm(self, payment_id: str, *, wait: float = 3.0) -> None:
        """Ask the platform how the bill stands, and apply what it says."""

        def unit(conn: Connection) -> tuple[Operation, FindRequest]:
            row = records.fetch(conn, payment_id)
            if row is None:
                raise NotFoundProblem("no such payment")
            return self._ask_platform(conn, row)

        operation, ask = await self._store.write(unit)
        self._delivery.begin(operation, ask)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)

    async def get(self, payment_id: str) -> RowMapping:
        """One payment's row. Raises NotFoundProblem."""
        row = await self._store.read(lambda conn: records.fetch(conn, payment_id))
        if row is None:
            raise NotFoundProblem("no such payment")
        return row

    async def by_token(self, token: str) -> RowMapping | None:
        """The payment behind the payer page's token; None when there is none."""
        index = self._envelope.blind_index(token, "payment.token")
        return await self._store.read(lambda conn: records.fetch_by_token(conn, index))

    def bill(self, row: RowMapping) -> IssueRequest:
        """The bill as it was sent: payer, unit, lines."""
        body = self._envelope.open(row["bill_sealed"], f"payment|bill|{row['id']}")
        return IssueRequest.model_validate_json(body)

    def payer(self, money: RowMapping) -> str | None:
        """Who paid a sum, as the bank named them; None where nobody told."""
        if money["payer_sealed"] is None:
            return None
        return self._envelope.open(money["payer_sealed"], f"collection|payer|{money['id']}").decode()

    def payer_page(self, row: RowMapping) -> str:
        """The address behind the QR code: the page for the party."""
        token = self._envelope.open(row["token_sealed"], f"payment|token|{row['id']}").decode()
        return f"{self._public_url}/pay/{token}"

    def qr_svg(self, row: RowMapping) -> str:
        """The QR code of the payer page as SVG, level M, four modules of margin."""
        out = io.BytesIO()
        segno.make(self.payer_page(row), error="m", micro=False).save(out, kind="svg", scale=6, border=4, xmldecl=False)
        return out.getvalue().decode()

    async def notice(self, row: RowMapping, authority: str, telephone: str | None) -> bytes:
        """The notice 缴款通知 as PDF; ``authority`` and ``telephone`` are printed on it. See ``payments.notice``."""
        if row["decision_id"] is None:
            raise ConflictProblem("a remittance of cash is served on nobody", type="payment-without-decision")

        def query(conn: Connection) -> tuple[Sequence[RowMapping], Decision | None]:
            return records.lines(conn, row["id"]), fetch_decision(conn, self._envelope, row["decision_id"])

        lines, decision = await self._store.read(query)
        assert decision is not None
        bill, page = self.bill(row), self.payer_page(row)
        return await asyncio.to_thread(
            notice, row, lines, bill, decision, authority=authority, telephone=telephone, payer_page=page
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
        row = records.fetch(conn, owner["payment_id"])
        return None if row is None else Concerned(row["authority"], row["id"])

    def quoted(self, conn: Connection, row: RowMapping, paid_at: int) -> int:
        """The surcharge that the platform may have added to a payment at that instant (microseconds), in fen."""
        return self._demands.quoted(conn, row, paid_at)

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
        for row in records.of_decision(conn, decision.id):
            mine = due
            if (
                due is not None and row["planned_due_on"] is not None
            ):  # an instalment's own plan, moved by deferrals only
                planned = due_periods(decision, self._calendar, row["planned_due_on"])
                mine = DueDate(planned[-1].due_on, False, "the approved plan of instalments")
            if mine is not None and row["due_on"] != mine.on and row["status"] in ("REQUESTED", "ISSUED", "EXPIRED"):
                records.change(conn, row["id"], now, due_on=mine.on, due_provisional=int(mine.provisional))
                self._emit(conn, row, "payment.due_date", due_on=str(mine.on), provisional=mine.provisional)
            if decision.revoked:
                self._take_back(conn, row, now, "行政处罚决定已撤销")
        if not decision.revoked:
            self._fit(conn, decision, now)

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _issue_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        assert operation.reference is not None
        records.lock_decision(conn, row["decision_id"])
        match outcome:
            case Done(answer=Issued() as issued, found=found):
                owner = records.by_code(conn, operation.channel, issued.code)
                if owner is not None and owner["reference"] != operation.reference:
                    raise ContractError(f"the answer's code {issued.code} is that of payment {owner['payment_id']}")
                issuing = records.move(
                    conn,
                    row["id"],
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
                    conn, operation.channel, operation.reference, code=issued.code, state="live", issued_at=now
                )
                self._emit(conn, row, "payment.issued", code=issued.code, found_after_doubt=found)
                self._apply_waiting(conn, row["id"], operation.channel, issued.code, now)
                if found:
                    self._ask_platform(conn, {**row, "code": issued.code}, claim=False)
                revoked, amended = moved(conn, row["decision_id"])
                if revoked:
                    self._take_back(conn, records.fetch(conn, row["id"]), now, "行政处罚决定已撤销")
                elif amended:  # perhaps while the code was being asked for
                    decision = fetch_decision(conn, self._envelope, row["decision_id"])
                    assert decision is not None
                    self._fit(conn, decision, now)
            case Rejected(reason=reason, code=code):
                records.move(
                    conn, row["id"], Status.REJECTED, now, reason=reason, in_doubt_since_at=None, doubt_reason=None
                )
                records.change_code(conn, operation.channel, operation.reference, state="refused", closed_at=now)
                self._emit(conn, row, "payment.rejected", reason=reason, platform_code=code)
            case _:
                self._doubt(conn, row, outcome, now)

    def _cancel_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        match outcome:
            case Done(answer=CancelAnswer(state=BillState.VOID)):
                if records.move(conn, row["id"], Status.CANCELLED, now, in_doubt_since_at=None, doubt_reason=None):
                    code = records.live_code(conn, row["id"])
                    if code is not None:
                        records.change_code(conn, row["channel"], code["reference"], state="void", closed_at=now)
                    self._emit(conn, row, "payment.cancelled", reason=row["reason"] or "")
                    if row["reissue_sealed"] is not None:
                        self._demands.reopen(conn, row)
            case Done() | Rejected():
                why = outcome.reason if isinstance(outcome, Rejected) else "the bill was paid before"
                if records.move(conn, row["id"], Status.ISSUED, now, in_doubt_since_at=None, doubt_reason=None):
                    self._emit(conn, row, "payment.cancel_refused", reason=why)
                self._ask_platform(conn, row, claim=False)
            case _:
                self._doubt(conn, row, outcome, now)

    def _confirmed(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Bill):
            return
        for fact in outcome.answer.paid:
            self.apply_paid(conn, operation.channel, fact, "query", now)
        bill = outcome.answer
        if bill.state is BillState.VOID and row["status"] == Status.ISSUED.value:
            self._emit(conn, row, "payment.void_at_platform", code=row["code"])
        until = bill.valid_until or row["valid_until_on"]
        if bill.state is BillState.UNPAID and until is not None and until < day_of(self._clock.now()):
            code = records.live_code(conn, row["id"])
            if code is not None and records.move(conn, row["id"], Status.EXPIRED, now):
                records.change_code(conn, row["channel"], code["reference"], state="expired", closed_at=now)
                self._emit(conn, row, "payment.expired", code=row["code"], valid_until=str(until))

    def _apply_waiting(self, conn: Connection, payment_id: str, channel: str, code: str, now: int) -> None:
        """Money that came before the code's answer did."""
        for waiting in records.unmatched(conn, channel, code):
            owner = records.by_code(conn, channel, code)
            assert owner is not None
            records.claim_collection(conn, waiting["id"], payment_id)
            row = records.fetch(conn, payment_id)
            assert row is not None
            source = waiting["source"]
            settle(
                conn,
                self._events,
                row,
                owner,
                waiting["id"],
                waiting["amount"],
                waiting["paid_at"],
                source,
                now,
                self._demands.quoted,
            )

    def _doubt(self, conn: Connection, row: RowMapping, outcome: Outcome, now: int) -> None:
        match outcome:
            case Doubt(reason=reason):
                records.change(conn, row["id"], now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, row, "payment.in_doubt", reason=reason)
            case Absent():
                records.change(conn, row["id"], now, in_doubt_since_at=None, doubt_reason=None)
            case Parked(reason=reason):
                records.change(conn, row["id"], now, doubt_reason=reason)
                self._emit(conn, row, "payment.parked", reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take_back(self, conn: Connection, row: Any, now: int, reason: str) -> None:
        """Void an unpaid code that must not be paid."""
        if row["status"] == Status.ISSUED.value:
            self._start_cancel(conn, row, reason, now, claim=False)

    def _fit(self, conn: Connection, decision: Decision, now: int) -> None:
        """Void unpaid codes that demand more than the decision imposes since it was amended; tell of money too much."""
        too_much = exceeding(decision, records.claimed(conn, decision.id))
        if not too_much:
            return
        for row in records.of_decision(conn, decision.id):
            mine = [line for line in records.lines(conn, row["id"]) if LineKind(line["kind"]) in too_much]
            if not mine:
                continue
            self._take_back(conn, row, now, "行政处罚决定已变更")
            if row["status"] == Status.PAID.value:
                self._emit(conn, row, "payment.exceeds_decision", kinds=[line["kind"] for line in mine])

    def _start_cancel(
        self, conn: Connection, row: RowMapping, reason: str, now: int, *, claim: bool = True
    ) -> tuple[Operation, CancelAsk]:
        if row["status"] == Status.EXPIRED.value and records.waits_about_late_money(conn, row["id"]):
            raise ConflictProblem(
                "money came on this code after it had expired, and nobody has said yet what becomes of it",
                type="exception-open",
                cure="Settle the exception first: kept, the money pays this bill; refunded, the code can be replaced.",
            )
        code = records.live_code(conn, row["id"]) or records.expired_code(conn, row["id"])
        if code is None or not records.move(conn, row["id"], Status.CANCELLING, now, reason=reason):
            raise ConflictProblem(
                f"a payment that is {row['status']} cannot be cancelled",
                type="payment-not-cancellable",
                cure="Only an issued, unpaid payment can be cancelled; a paid one is refunded.",
                status=409,
                payment_status=row["status"],
            )
        ask = CancelAsk(
            reference=self._delivery.new_reference(row["channel"]),
            bill_reference=code["reference"],
            code=row["code"],
            reason=reason,
        )
        self._emit(conn, row, "payment.cancelling", reason=reason)
        operation = self._delivery.enqueue(
            conn,
            action="nontax.cancel",
            channel=row["channel"],
            authority=row["authority"],
            subject=row["id"],
            request=ask,
            claim=claim,
        )
        return operation, ask

    def _ask_platform(self, conn: Connection, row: Any, *, claim: bool = True) -> tuple[Operation, FindRequest]:
        if row["code"] is None:
            raise ConflictProblem(
                "this payment has no code yet; its request is still being followed", type="payment-not-issued"
            )
        records.change(conn, row["id"], row["updated_at"], asked_at=to_micros(self._clock.now()))
        ask = FindRequest(code=row["code"])
        operation = self._delivery.enqueue(
            conn,
            action="nontax.confirm",
            channel=row["channel"],
            authority=row["authority"],
            subject=row["id"],
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

    def _emit(self, conn: Connection, row: Any, type: str, **data: Any) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=row["id"],
            authority=row["authority"],
            data={"decision_number": row["decision_number"], **data},
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


def payments_of(conn: Connection, decision: Decision) -> Sequence[RowMapping]:
    """All payments of a decision, for its one view."""
    return records.of_decision(conn, decision.id)
