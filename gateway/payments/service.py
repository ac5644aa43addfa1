"""What can be done with payments 罚款缴纳."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import segno
from sqlalchemy import Connection, RowMapping

from gateway.calendar import WorkingCalendar
from gateway.clock import Clock, day_of, to_micros
from gateway.crypto.envelope import Envelope
from gateway.decisions import Decision, Decisions, due_date, is_revoked
from gateway.decisions import fetch as fetch_decision
from gateway.delivery import Absent, Action, Delivery, Done, Doubt, Event, Events, Operation, Outcome, Parked, Rejected
from gateway.delivery.callbacks import Concerned
from gateway.errors import ConflictProblem, ContractError, NotFoundProblem
from gateway.identifiers import new_id
from gateway.money import format_yuan
from gateway.payments import records
from gateway.payments.arrivals import apply_paid, settle
from gateway.payments.bill import (
    CancelAnswer,
    CancelAsk,
    PaymentRequest,
    Unit,
    bill_for,
    check_issued,
    check_within,
    issued_from,
    lines_of,
)
from gateway.payments.states import Settlement, Status
from gateway.plugins import Channels
from gateway.ports import (
    Bill,
    BillState,
    CancelRequest,
    FindRequest,
    Issued,
    IssueRequest,
    NonTaxPlatform,
    PaymentNotice,
)
from gateway.store import Store

Remember = Callable[[Connection, str], None]


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
        decision = await self._decisions.get(ask.authority, ask.decision_number)
        channel = self._route(ask.authority)
        lines = lines_of(ask, decision)
        now = self._clock.now()
        today, at = day_of(now), to_micros(now)
        unit = await self._store.read(lambda conn: records.unit_of(conn, ask.authority, today))
        if unit is None:
            raise ConflictProblem(
                f"authority {ask.authority} has no collecting unit 执收单位 on {today}",
                type="no-collecting-unit",
                cure="Add it with `gateway authorities unit`.",
            )
        due = self._decisions.due(decision)
        payment_id, reference = new_id("pay"), self._delivery.new_reference(channel)
        bill = bill_for(
            decision, lines, unit, reference=reference, today=today, due_on=due.on if due is not None else None
        )
        token = secrets.token_urlsafe(16)
        values = {
            "id": payment_id,
            "authority": ask.authority,
            "decision_id": decision.id,
            "decision_number": decision.number,
            "instalment": ask.instalment,
            "line_group": ask.line_group,
            "channel": channel,
            "status": Status.REQUESTED.value,
            "settlement": Settlement.NONE.value,
            "amount": bill.total,
            "due_on": due.on if due is not None else None,
            "due_provisional": int(due.provisional) if due is not None else 0,
            "bill_sealed": self._envelope.seal(bill.model_dump_json().encode(), f"payment|bill|{payment_id}"),
            "token_index": self._envelope.blind_index(token, "payment.token"),
            "token_sealed": self._envelope.seal(token.encode(), f"payment|token|{payment_id}"),
            "created_at": at,
            "updated_at": at,
        }

        def unit_of_work(conn: Connection) -> Operation:
            remember(conn, payment_id)
            records.lock_decision(conn, decision.id)
            if is_revoked(conn, decision.id):
                raise ConflictProblem("this decision was revoked; nothing is to be paid", type="decision-revoked")
            existing = records.live_payment(conn, decision.id, ask.instalment, ask.line_group)
            if existing is not None:
                raise ConflictProblem(
                    "there is already a live payment for this demand",
                    type="payment-exists",
                    cure="Use the existing one, or cancel it first.",
                    payment=existing,
                    location=f"/v1/payments/{existing}",
                )
            check_within(decision, lines, records.claimed(conn, decision.id))
            records.add(conn, values, lines, bill.lines, reference)
            self._emit(conn, values, "payment.requested", amount=format_yuan(bill.total))
            return self._delivery.enqueue(
                conn,
                action="nontax.issue",
                channel=channel,
                authority=ask.authority,
                subject=payment_id,
                request=bill,
                claim=True,
            )

        operation = await self._store.write(unit_of_work)
        self._delivery.begin(operation, bill)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)
        return payment_id

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

    def payer_page(self, row: RowMapping) -> str:
        """The address behind the QR code: the page for the party."""
        token = self._envelope.open(row["token_sealed"], f"payment|token|{row['id']}").decode()
        return f"{self._public_url}/pay/{token}"

    def qr_svg(self, row: RowMapping) -> str:
        """The QR code of the payer page as SVG, level M, four modules of margin."""
        out = io.BytesIO()
        segno.make(self.payer_page(row), error="m", micro=False).save(out, kind="svg", scale=6, border=4, xmldecl=False)
        return out.getvalue().decode()

    # --- what arrives -----------------------------------------------------------------------------------------------

    def take_notice(self, conn: Connection, channel: str, notice: PaymentNotice, _exchange_id: str) -> Concerned | None:
        """Apply an authenticated payment notice. Money that overtook our answer hurries the question about it."""
        now = to_micros(self._clock.now())
        apply_paid(conn, self._events, self._envelope, channel, notice.fact, "callback", now)
        owner = records.by_code(conn, channel, notice.fact.code)
        if owner is None:
            if notice.bill_reference is not None:
                self._delivery.hurry(conn, channel, reference=notice.bill_reference)
            return None
        row = records.fetch(conn, owner["payment_id"])
        return None if row is None else Concerned(row["authority"], row["id"])

    def decision_moved(self, conn: Connection, event: Event) -> None:
        """A decision was served, deferred, changed or revoked: move due dates; a revoked one must not be paid.

        A code that is still being asked for is voided as soon as it is there (``_issue_ended``).
        """
        records.lock_decision(conn, event.subject)
        decision = fetch_decision(conn, self._envelope, event.subject)
        assert decision is not None
        now = to_micros(self._clock.now())
        due = due_date(decision.facts, decision.events, self._calendar)
        for row in records.of_decision(conn, decision.id):
            if due is not None and row["due_on"] != due.on and row["status"] in ("REQUESTED", "ISSUED", "EXPIRED"):
                records.change(conn, row["id"], now, due_on=due.on, due_provisional=int(due.provisional))
                self._emit(conn, row, "payment.due_date", due_on=str(due.on), provisional=due.provisional)
            if decision.revoked:
                self._take_back(conn, row, now)

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _issue_ended(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        assert operation.reference is not None
        records.lock_decision(conn, row["decision_id"])
        match outcome:
            case Done(answer=Issued() as issued, found=found):
                moved = records.move(
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
                assert moved, "a code arrived for a payment that asked for none"
                records.change_code(
                    conn, operation.channel, operation.reference, code=issued.code, state="live", issued_at=now
                )
                self._emit(conn, row, "payment.issued", code=issued.code, found_after_doubt=found)
                self._apply_waiting(conn, row["id"], operation.channel, issued.code, now)
                if found:
                    self._ask_platform(conn, {**row, "code": issued.code}, claim=False)
                if is_revoked(conn, row["decision_id"]):
                    self._take_back(conn, records.fetch(conn, row["id"]), now)
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
            apply_paid(conn, self._events, self._envelope, operation.channel, fact, "query", now)
        if outcome.answer.state is BillState.VOID and row["status"] == Status.ISSUED.value:
            self._emit(conn, row, "payment.void_at_platform", code=row["code"])

    def _apply_waiting(self, conn: Connection, payment_id: str, channel: str, code: str, now: int) -> None:
        """Money that came before the code's answer did."""
        owner = records.by_code(conn, channel, code)
        assert owner is not None
        for waiting in records.unmatched(conn, channel, code):
            records.claim_collection(conn, waiting["id"], payment_id)
            row = records.fetch(conn, payment_id)
            assert row is not None
            source = waiting["source"]
            settle(conn, self._events, row, owner, waiting["id"], waiting["amount"], waiting["paid_at"], source, now)

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

    def _take_back(self, conn: Connection, row: Any, now: int) -> None:
        """Void an unpaid code of a decision that was revoked."""
        if row["status"] == Status.ISSUED.value:
            self._start_cancel(conn, row, "行政处罚决定已撤销", now, claim=False)

    def _start_cancel(
        self, conn: Connection, row: RowMapping, reason: str, now: int, *, claim: bool = True
    ) -> tuple[Operation, CancelAsk]:
        code = records.live_code(conn, row["id"])
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
