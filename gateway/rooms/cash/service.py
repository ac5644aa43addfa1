"""Cash taken on the spot 当场收缴, and the one bill that remits it for many decisions 集中汇缴.

行政处罚法 (2021): art. 68 (a decision on the spot under art. 51, and a small fine or one otherwise hard to enforce);
art. 69 (remote places, on the water, at the party's request); art. 70 (the finance department's receipt, or the party
may refuse); art. 71 (handed in within days, from landing if taken on the water; paid to the bank within days more). How
small, and how many days, are rows of the law by field (``words.law``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event, Sent, operation_records
from gateway.foundation.delivery.events import timeline
from gateway.foundation.evidence import Exchange
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.cash import records
from gateway.rooms.cash.days import CashDays
from gateway.rooms.cash.records import CashFilter, CashTaken
from gateway.rooms.cash.states import LIFE, CashGround, CashStatus, Duty
from gateway.rooms.decisions import Decision, Decisions, is_revoked
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.bill import LineInput, LineKind, Unit
from gateway.words.clock import day_of, to_micros
from gateway.words.days import Day
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import clean_text, new_id
from gateway.words.law import Matter, Rule
from gateway.words.money import Yuan, format_yuan
from gateway.words.saying import UnfitError, say
from gateway.words.text import Ask
from gateway.words.wrong import shaped

REMITTANCE = "remittance"
"""The line group of a bill that remits cash; no decision of its own stands behind it."""
_MOST = 500


class CashInput(Ask):
    """Cash that an officer took for the fine of one decision, against the finance department's receipt.

    ``on_water``: the days to hand it in run from ``ashore_on``, which may be told later.
    """

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)
    amount: Yuan
    ground: CashGround
    explanation: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(clean_text)] | None = None
    receipt_number: Annotated[
        str, Field(pattern=shaped(r"^[0-9A-Za-z０-９Ａ-Ｚａ-ｚ－ -]{1,60}$", "shapes.receipt_number"))
    ]
    officer: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(clean_text)]
    taken_on: Day
    on_water: bool = False
    ashore_on: Day | None = None

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if self.amount == 0:
            raise UnfitError(say("cash.amount_zero"))
        if self.ground is not CashGround.SMALL and self.explanation is None:
            raise UnfitError(say("cash.explanation"))
        if self.ashore_on is not None and (not self.on_water or self.ashore_on < self.taken_on):
            raise UnfitError(say("cash.ashore"))
        return self


class RemittanceInput(Ask):
    """Which cash one bill remits; all that was handed in and has no bill, if not given."""

    authority: str = Field(min_length=1, max_length=40)
    cash: Annotated[tuple[str, ...], Field(min_length=1, max_length=_MOST)] | None = None


@dataclass(frozen=True)
class CashSight:
    """A sum of cash as people see it.

    ``rules``: the rows of the law for its duties. ``parts``: of the bill that remits it. ``events``: its own and that
    bill's, the oldest first.
    """

    rules: Sequence[Rule]
    parts: Sequence[CashTaken]
    events: Sequence[Event]


class Cash:
    """Record cash, watch its two duties, remit it, and see each decision's money through. ``days``: how they count."""

    def __init__(self, base: Foundation, decisions: Decisions) -> None:
        self._base = base
        self.days = CashDays(base)
        self._decisions = decisions
        self._life: Living[CashStatus, CashTaken] = Living(LIFE, base.events, base.clock, _told)

    # --- taking and handing in --------------------------------------------------------------------------------------

    async def take(self, given: CashInput, *, once: Once = NEVER) -> str:
        """Record cash taken. Returns its id. Raises InvalidProblem, NotFoundProblem, ConflictProblem."""
        decision = await self._decisions.get(given.authority, given.decision_number)
        now = self._base.clock.now()
        at = to_micros(now)
        if not decision.facts.decided_on <= given.taken_on <= day_of(now):
            raise InvalidProblem(say("cash.taken_on"), field="taken_on")
        self._allowed(decision, given)
        cash_id = new_id("csh")
        begins = given.ashore_on if given.on_water else given.taken_on
        due = None if begins is None else self.days.last_day(decision, Duty.HAND_IN, begins)
        cash = CashTaken(
            id=cash_id,
            authority=given.authority,
            decision_id=decision.id,
            decision_number=decision.number,
            amount=given.amount,
            ground=given.ground,
            explanation=given.explanation,
            receipt_number=given.receipt_number,
            officer_sealed=records.seal_officer(self._base.envelope, cash_id, given.officer),
            officer_index=records.officer_index(self._base.envelope, given.officer),
            taken_on=given.taken_on,
            on_water=given.on_water,
            ashore_on=given.ashore_on,
            status=CashStatus.TAKEN,
            hand_in_due_on=None if due is None else due.value,
            due_provisional=due is not None and due.provisional,
            created_at=at,
            updated_at=at,
        )

        def unit(conn: Connection) -> None:
            payment_records.lock_decision(conn, decision.id)
            if is_revoked(conn, decision.id):
                raise ConflictProblem(say("payments.decision_revoked"), type="decision-revoked")
            if records.is_receipt_used(conn, given.authority, given.receipt_number):
                raise ConflictProblem(
                    say("cash.recorded", receipt_number=given.receipt_number), type="receipt-number-used"
                )
            claimed = payment_records.standing(conn, decision.id).demanded, records.claimed(conn, decision.id)
            left = (decision.facts.fine or 0) - sum(one.get(LineKind.FINE, 0) for one in claimed)
            if given.amount > left:
                raise ConflictProblem(
                    say("cash.over_fine", left=format_yuan(max(0, left))),
                    type="exceeds-decision",
                    field="amount",
                )
            records.add(conn, cash)
            self._life.begin(conn, cash, ground=given.ground.value)

        await self._base.store.write(once.about(cash_id).first(unit))
        return cash_id

    async def landed(self, cash_id: str, on: date, *, once: Once = NEVER) -> None:
        """Cash taken on the water has come ashore: from now the days to hand it in run (art. 71)."""

        def unit(conn: Connection) -> None:
            cash = records.locked(conn, cash_id)
            if not cash.on_water or cash.status is not CashStatus.TAKEN or cash.ashore_on not in (None, on):
                raise ConflictProblem(say("cash.not_afloat"), type="cash-state")
            if not cash.taken_on <= on <= day_of(self._base.clock.now()):
                raise InvalidProblem(say("cash.landing_day"), field="on")
            due = self.days.last_day(self.days.decision_of(conn, cash), Duty.HAND_IN, on)
            records.land(conn, cash, on, due, self._now())

        await self._base.store.write(once.about(cash_id).first(unit))

    async def hand_in(self, cash_id: str, on: date, *, once: Once = NEVER) -> None:
        """The officer handed it in; the authority's days to pay the bank begin."""

        def unit(conn: Connection) -> None:
            cash = records.locked(conn, cash_id)
            if cash.status is not CashStatus.TAKEN:
                raise ConflictProblem(say("cash.handed_in", status=cash.status), type="cash-state")
            if not (cash.ashore_on or cash.taken_on) <= on <= day_of(self._base.clock.now()):
                raise InvalidProblem(say("cash.day"), field="on")
            late = cash.hand_in_due_on is not None and on > cash.hand_in_due_on
            told = {"on": str(on), "late": late}
            due = self.days.last_day(self.days.decision_of(conn, cash), Duty.BANK, on)
            kept = {"handed_in_on": on, "bank_due_on": due.value, "due_provisional": int(due.provisional)}
            self._life.move(conn, cash, CashStatus.HANDED_IN, tell=told, alarmed=None, **kept)

        await self._base.store.write(once.about(cash_id).first(unit))

    # --- remitting --------------------------------------------------------------------------------------------------

    async def remit(self, ask: RemittanceInput, *, wait: float = 3.0, once: Once = NEVER) -> str:
        """Ask for one bill over cash that was handed in. Returns the id of its payment, under whose code the bank is
        paid; its total is the sum of its cash to the fen. Raises ConflictProblem.
        """
        now = self._base.clock.now()
        today, at = day_of(now), to_micros(now)
        unit = await self._base.store.read(lambda conn: payment_records.unit_of(conn, ask.authority, today))
        item = unit.items.get(LineKind.FINE) if unit is not None else None
        if unit is None or item is None:
            raise ConflictProblem(
                say("cash.no_unit", authority=ask.authority, today=today),
                type="no-collecting-unit",
            )
        channels = self._base.channels.route(ask.authority, "payments")
        if not channels:
            raise ConflictProblem(say("cash.no_channel", authority=ask.authority), type="no-channel")
        channel = channels[0]
        if channel.issuing != "platform":
            raise ConflictProblem(say("cash.platform_codes"), type="remittance-unsupported")
        payment_id, reference = new_id("pay"), self._base.delivery.new_reference(channel.name)

        def write(conn: Connection) -> Sent:
            parts = _to_remit(conn, ask)
            line = BillLine(item_code=item.code, item_name=item.name, amount=0)
            bill = _bill(unit, line, parts, reference, today)
            made = payment_records.new_payment(
                self._base.envelope, bill, authority=ask.authority, channel=channel.name, at=at, payment_id=payment_id
            )
            provisional = any(cash.due_provisional for cash in parts)
            made = replace(made, line_group=REMITTANCE, due_on=bill.due_on, due_provisional=provisional)
            lines = [LineInput(kind=LineKind.FINE, amount=format_yuan(bill.total))]
            payment_records.add(conn, made, lines, bill.lines, reference)
            for cash in parts:
                self._life.move(conn, cash, CashStatus.BILLED, payment_id=payment_id)
            self._base.events.emit(
                conn,
                type="payment.requested",
                subject=payment_id,
                authority=ask.authority,
                data={
                    "decision_number": bill.decision_number,
                    "amount": format_yuan(bill.total),
                    "remits": len(parts),
                },
            )
            operation = self._base.delivery.enqueue(
                conn,
                action="nontax.issue",
                channel=channel.name,
                authority=ask.authority,
                subject=payment_id,
                request=bill,
                claim=True,
            )
            return Sent(operation, bill)

        await self._base.delivery.carry_out(write, once.about(payment_id), wait)
        return payment_id

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def payment_moved(self, conn: Connection, event: Event) -> None:
        """The bill was paid: so is each decision's part. It was refused or cancelled: its cash waits for another."""
        parts = records.of_bill(conn, event.subject)
        if not parts:
            return
        if event.type == "payment.paid":
            bill = payment_records.held(conn, event.subject)
            assert bill.paid_amount == sum(cash.amount for cash in parts), "a remittance is paid to the fen"
            for cash in parts:
                told = {"payment": event.subject}
                self._life.move(conn, cash, CashStatus.REMITTED, tell=told, remitted_at=bill.paid_at)
        elif event.type in ("payment.rejected", "payment.cancelled"):
            for cash in parts:
                self._life.move(conn, cash, CashStatus.HANDED_IN, payment_id=None)

    def settled(self, conn: Connection, event: Event) -> None:
        """Reconciliation matched the bill: told for each decision behind it."""
        for cash in records.of_bill(conn, event.subject):
            settlement = str(event.data.get("settlement", ""))
            self._emit(conn, cash, "cash.settlement", settlement=settlement, payment=event.subject)

    async def alarm(self) -> int:
        """Tell once of each duty that is past its day (a schedule runs this each morning). How many were told."""
        today = day_of(self._base.clock.now())

        def unit(conn: Connection) -> int:
            untold = [cash for cash in records.late(conn, today) if cash.alarmed is not cash.duty]
            for cash in untold:
                records.alarmed(conn, cash, self._now())
                self._emit(conn, cash, "cash.overdue", duty=cash.duty.value, due_on=str(cash.due_on))
            return len(untold)

        return await self._base.store.write(unit)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def held(self, cash_id: str) -> CashTaken:
        """One sum of cash. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: records.held(conn, cash_id))

    async def view(self, cash_id: str) -> CashSight:
        """One sum of cash with the law about it, the bill that remits it, and its story. Raises NotFoundProblem."""

        def read(conn: Connection) -> CashSight:
            cash = records.held(conn, cash_id)
            decision = self.days.decision_of(conn, cash)
            rules = [
                self.days.rule(decision, matter, cash.taken_on) for matter in (Matter.CASH_HAND_IN, Matter.CASH_TO_BANK)
            ]
            events = timeline(conn, cash.id)
            if cash.payment_id is None:
                return CashSight(rules, (), events)
            events = sorted((*events, *timeline(conn, cash.payment_id)), key=lambda one: one.at)
            return CashSight(rules, records.of_bill(conn, cash.payment_id), events)

        return await self._base.store.read(read)

    async def exchanges(self, payment_id: str) -> list[Exchange]:
        """What was said with the platform about a bill, the oldest first."""

        def read(conn: Connection) -> list[Exchange]:
            asked = operation_records.of_subjects(conn, [payment_id])
            return [wire for one in asked for wire in self._base.evidence.of_operation(conn, one.id)]

        return await self._base.store.read(read)

    async def find(self, wanted: CashFilter) -> list[CashTaken]:
        """Cash, newest first."""
        return await self._base.store.read(lambda conn: records.find(conn, wanted))

    async def parts(self, payment_id: str) -> list[CashTaken]:
        """The cash that a bill remits: each decision's part, which add up to it to the fen."""
        return await self._base.store.read(lambda conn: records.of_bill(conn, payment_id))

    def officer(self, cash: CashTaken) -> str:
        """Who took it."""
        return cash.officer(self._base.envelope)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _allowed(self, decision: Decision, given: CashInput) -> None:
        """Arts. 68 and 69: only fines; without the party's request in a remote place only decisions on the spot."""
        if decision.facts.fine is None:
            raise InvalidProblem(say("cash.no_fine"), field="amount")
        if given.ground is not CashGround.REMOTE and decision.facts.procedure != "simple":
            raise InvalidProblem(
                say("cash.ground", ground=given.ground),
                field="ground",
            )
        small = self.days.rule(decision, Matter.SMALL_CASH, given.taken_on)
        if given.ground is CashGround.SMALL and decision.facts.fine > small.fen:
            raise InvalidProblem(say("cash.fine_over", most=format_yuan(small.fen), cited=small.cited), field="ground")

    def _now(self) -> int:
        return to_micros(self._base.clock.now())

    def _emit(self, conn: Connection, cash: CashTaken, type: str, **data: Any) -> None:
        self._base.events.emit(
            conn,
            type=type,
            subject=cash.id,
            authority=cash.authority,
            data={**_told(cash), **data},
        )


def _told(cash: CashTaken) -> Mapping[str, Any]:
    """What every event says of cash."""
    return {
        "decision_number": cash.decision_number,
        "amount": format_yuan(cash.amount),
        "receipt_number": cash.receipt_number,
    }


def _to_remit(conn: Connection, ask: RemittanceInput) -> list[CashTaken]:
    """The cash for one bill, held. Raises ConflictProblem unless all of it was handed in and has no bill."""
    if ask.cash is None:
        parts = records.handed_in(conn, ask.authority, _MOST)
    else:
        parts = records.chosen(conn, ask.authority, ask.cash)
    unfit = [cash.receipt_number for cash in parts if cash.status is not CashStatus.HANDED_IN]
    if not parts or unfit or (ask.cash is not None and len(parts) != len(set(ask.cash))):
        raise ConflictProblem(
            say("cash.unfit", unfit=unfit or [say("cash.unfit_none")]),
            type="cash-state",
            field="cash",
        )
    return parts


def _bill(unit: Unit, line: BillLine, parts: Sequence[CashTaken], reference: str, today: date) -> IssueRequest:
    """One bill over many decisions: the unit pays, the sum is that of its cash."""
    total = sum(cash.amount for cash in parts)
    return IssueRequest(
        reference=reference,
        region=unit.region,
        unit_code=unit.code,
        unit_name=unit.name,
        payer_name=unit.name,
        decision_number=f"集中汇缴{today:%Y%m%d}（{len(parts)}件）",
        lines=(line.model_copy(update={"amount": total}),),
        total=total,
        bill_date=today,
        due_on=min((cash.bank_due_on for cash in parts if cash.bank_due_on is not None), default=None),
        memo="、".join(cash.receipt_number for cash in parts)[:200],
    )
