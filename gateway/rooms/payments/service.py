"""What can be done with payments 罚款缴纳."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Action, Sent
from gateway.foundation.once import NEVER, Once
from gateway.rooms.decisions import Decisions
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records, searching
from gateway.rooms.payments.accrual import paid_day
from gateway.rooms.payments.answers import PlatformAnswers
from gateway.rooms.payments.asks import PlatformAsks
from gateway.rooms.payments.bill import LineInput, LineKind, PaymentRequest, Unit
from gateway.rooms.payments.callbacks import PlatformCallbacks
from gateway.rooms.payments.demand import Demands
from gateway.rooms.payments.details import PaymentDetails, by_id_or_code, details_of
from gateway.rooms.payments.explanation import Explanations
from gateway.rooms.payments.following import Following
from gateway.rooms.payments.hooks import Hooks
from gateway.rooms.payments.lives import PaymentLives
from gateway.rooms.payments.look_up import LookUp
from gateway.rooms.payments.pages import PayerPages
from gateway.rooms.payments.parts import Part
from gateway.rooms.payments.records import Payment, PaymentFilter, PaymentLine
from gateway.rooms.payments.searching import Sought
from gateway.rooms.payments.surcharge import Surcharge
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan
from gateway.words.saying import say

Of = Container[str] | None
"""Authorities; None stands for all."""
_ASK_AGAIN = 24 * 3600 * 1_000_000
_TOGETHER = 200
"""Questions that are written in one transaction."""
_SHARES = 20
"""In how many hours every open bill is asked about: those of a day, less some that were missed."""


class Payments:
    """Request a code, follow it, cancel it.

    ``pages``: what a party gets in hand; ``look_up`` finds it without its QR code. ``hooks``: what other rooms tell
    this one. ``lives``: what moves. ``callbacks``: what the platform tells by itself. ``following``: what becomes of
    payments when their decision moves. ``explanations``: what is owed of a decision, and why.
    """

    def __init__(self, base: Foundation, decisions: Decisions) -> None:
        self._base = base
        self._decisions = decisions
        self.hooks = Hooks()
        self.pages = PayerPages(base)
        self.look_up = LookUp(base)
        self.lives = PaymentLives(base.events)
        self._demands = Demands(base, decisions, self.lives, self.hooks)
        self._asks = PlatformAsks(base, self.lives, self.hooks)
        self._answers = PlatformAnswers(base, self.lives, self._asks, self._demands)
        self.callbacks = PlatformCallbacks(base, self._asks, self._answers)
        self.following = Following(base, decisions, self._demands, self._asks, self.hooks)
        self.explanations = Explanations(base, decisions, self._demands, self.hooks)

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to have a code issued or voided, and to ask how a bill stands."""
        return self._answers.actions()

    # --- for case systems -------------------------------------------------------------------------------------------

    async def set_unit(self, authority: str, unit: Unit, valid_from: date) -> None:
        """Say which unit collects for an authority, under which income items, from a day on."""
        await self._base.store.write(lambda conn: records.set_unit(conn, authority, unit, valid_from))

    async def request(self, ask: PaymentRequest, *, wait: float = 3.0, once: Once = NEVER) -> str:
        """Ask the platform for a code; waits up to ``wait`` seconds for the answer, and never cancels the call.

        One transaction holds the payment, its event and the operation with its own reference; ``once`` joins it.
        Returns the id. Raises InvalidProblem, NotFoundProblem, ConflictProblem.
        """
        payment_id = new_id("pay")

        def unit(conn: Connection) -> Sent:
            decision = self._decisions.read(conn, ask.authority, ask.decision_number, hold=True)
            return self._demands.open(conn, ask, decision, _route(self._base, ask.authority), payment_id)

        # The decision's row is held: whatever else happens to it waits for this, or is seen by it.
        await self._base.delivery.carry_out(unit, once.about(payment_id), wait, beside=True)
        return payment_id

    async def reissue(
        self, payment_id: str, reason: str, *, of: Of = None, wait: float = 3.0, once: Once = NEVER
    ) -> str | None:
        """Have the code replaced: its void is confirmed before a new one is asked for, in the same transaction.

        The new payment carries the surcharge accrued so far where the channel says ``reissue``; late money on the old
        code opens an exception. Returns the new payment's id, or None while the void is not confirmed. ``of``: as in
        ``cancel``. Raises NotFoundProblem, and ConflictProblem unless the payment is ISSUED or EXPIRED.
        """
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> Sent:
            payment = records.held(conn, payment_id, of)
            if payment.decision_id is None:
                raise ConflictProblem(say("payments.remittance_again"), type="payment-not-reissuable")
            again = _asked_again(payment, records.lines(conn, payment_id))
            sealed = records.sealed_reissue(self._base.envelope, payment_id, again)
            records.change(conn, payment_id, now, reissue_sealed=sealed)
            return self._asks.void(conn, payment, reason)

        await self._base.delivery.carry_out(unit, once.about(payment_id), wait)
        return await self.replacement_of(payment_id)

    async def accrued(self, payment_id: str, on: date | None = None) -> Surcharge:
        """The surcharge on a payment's fine up to and including a day: today, or the day it was paid, if not given."""

        def query(conn: Connection) -> Surcharge:
            payment = records.held(conn, payment_id)
            if payment.decision_id is None:
                raise NotFoundProblem(say("payments.remittance_surcharge"))
            decision = fetch_decision(conn, self._base.envelope, payment.decision_id)
            assert decision is not None
            until = on or paid_day(payment) or day_of(self._base.clock.now())
            return self._demands.accrued(conn, payment, decision, until)

        return await self._base.store.read(query)

    async def reduce_surcharge(self, payment_id: str, amount: int, *, reason: str, once: Once = NEVER) -> None:
        """Record an agreement 执行协议 (行政强制法 art. 42): ``amount`` fen off the surcharge, never off the fine."""
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> None:
            payment = records.held(conn, payment_id)
            records.change(conn, payment_id, now, surcharge_reduced=amount)
            self._asks.tell(conn, payment, "payment.surcharge_reduced", amount=format_yuan(amount), reason=reason)

        await self._base.store.write(once.about(payment_id).first(unit))

    async def sweep(self) -> int:
        """Ask the platform about codes past their validity, and once a day about every code that can still be paid.

        Run every hour, each time for an hour's share of them. A code expires only by the platform's word. Returns how
        many questions were asked.
        """
        now = self._base.clock.now()
        at = to_micros(now)

        def unit(conn: Connection) -> int:
            payments = records.to_ask(conn, day_of(now), at - _ASK_AGAIN, at, _TOGETHER)
            for payment in payments:
                self._asks.how_it_stands(conn, payment, claim=False)
            return len(payments)

        share = max(_TOGETHER, await self._base.store.read(records.open_bills) // _SHARES)
        asked, just_asked = 0, _TOGETHER
        while just_asked == _TOGETHER and asked < share:
            just_asked = await self._base.store.write(unit)
            asked += just_asked
            self._base.delivery.wake()
        return asked

    async def cancel(
        self, payment_id: str, reason: str, *, of: Of = None, wait: float = 3.0, once: Once = NEVER
    ) -> None:
        """Have the unpaid bill voided. ``of``: whose payments the caller may know.

        Raises NotFoundProblem, and ConflictProblem unless the payment is ISSUED.
        """

        def unit(conn: Connection) -> Sent:
            return self._asks.void(conn, records.held(conn, payment_id, of), reason)

        await self._base.delivery.carry_out(unit, once.about(payment_id), wait)

    async def confirm(self, payment_id: str, *, wait: float = 3.0) -> None:
        """Ask the platform how the bill stands, and apply what it says."""

        def unit(conn: Connection) -> Sent:
            return self._asks.how_it_stands(conn, records.held(conn, payment_id))

        await self._base.delivery.carry_out(unit, wait=wait)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def held(self, payment_id: str) -> Payment:
        """One payment. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: records.held(conn, payment_id))

    async def find(self, narrow: PaymentFilter) -> list[Payment]:
        """Payments, newest first."""
        return await self._base.store.read(lambda conn: records.search(conn, narrow))

    async def seek(self, sought: Sought, before: str | None, limit: int) -> tuple[Sequence[Payment], int]:
        """A page of payments, newest first, and how many there are in all, not counted beyond ``searching.MOST``."""
        return await self._base.store.read(
            lambda conn: (searching.find(conn, sought, before, limit), searching.count(conn, sought))
        )

    async def waits(self, sought: Sought) -> tuple[int, date | None]:
        """How many payments there are, and where those that are overdue are sought the first last day among them."""

        def read(conn: Connection) -> tuple[int, date | None]:
            number = searching.count(conn, sought)
            return number, searching.earliest_due(conn, sought) if number and sought.overdue is not None else None

        return await self._base.store.read(read)

    async def view(self, payment_id: str, parts: Sequence[Part] = ()) -> PaymentDetails:
        """One payment with all that is known of it, and these parts of other rooms. Raises NotFoundProblem."""
        look = self.looking(parts)
        return await self._base.store.read(lambda conn: look(conn, payment_id))

    def looking(
        self, parts: Sequence[Part] = (), *, replaced: bool = False
    ) -> Callable[[Connection, str], PaymentDetails]:
        """``view`` for a query or unit of the caller's; with ``replaced``, of the payment that re-issues its code."""

        def look(conn: Connection, payment_id: str) -> PaymentDetails:
            meant = (records.replacement_of(conn, payment_id) if replaced else None) or payment_id
            found = details_of(conn, records.held(conn, meant), self.hooks.days_of)
            return replace(found, parts={part.name: part.of(conn, found) for part in parts})

        return look

    async def by_id_or_code(self, word: str) -> Payment:
        """The payment with this id, or the newest with this code. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: by_id_or_code(conn, word))

    async def renewed(self, payment: Payment) -> Payment | None:
        """The payment that re-issues this one's code."""
        if payment.reissue_sealed is None:
            return None

        def query(conn: Connection) -> Payment | None:
            renewed = records.replacement_of(conn, payment.id)
            return None if renewed is None else records.held(conn, renewed)

        return await self._base.store.read(query)

    async def replacement_of(self, payment_id: str) -> str | None:
        """The id of the payment that re-issues this one's code."""
        return await self._base.store.read(lambda conn: records.replacement_of(conn, payment_id))

    # --- what is told inside ---------------------------------------------------------------------------------------

    def quoted(self, conn: Connection, payment: Payment, paid_at: int) -> int:
        """The surcharge that the platform may have added to a payment at that instant (microseconds), in fen."""
        return self._demands.quoted(conn, payment, paid_at)


def _route(base: Foundation, authority: str) -> str:
    """The channel that takes an authority's payments. Raises ConflictProblem."""
    channels = base.channels.route(authority, "payments")
    if not channels:
        raise ConflictProblem(
            say("payments.no_channel", authority=authority),
            type="no-channel",
        )
    return channels[0].name


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
