"""What a decision's party owes on a day, and by which clocks and rows of the law: what a reminder 催告 must name.

行政强制法 art. 35: a 催告 names the exact sum and how it is paid; the sum grows with each day of surcharge, so it is
asked for on the day on which the reminder is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Clocks, Decision, Decisions, DueDate
from gateway.rooms.decisions.clocks import Appeal, Receipt, Term
from gateway.rooms.decisions.party import Warned
from gateway.rooms.payments import records
from gateway.rooms.payments.accrual import fine_in, paid_day, rate_of
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.demand import Demands
from gateway.rooms.payments.hooks import Hooks
from gateway.rooms.payments.records import Payment, Standing
from gateway.rooms.payments.states import Status
from gateway.rooms.payments.surcharge import Surcharge, surcharge
from gateway.words.clock import day_of
from gateway.words.law import Matter, Rule

_NEVER_OWED = (Status.REJECTED, Status.CANCELLED)


@dataclass(frozen=True)
class Claim:
    """One part of the fine (fen) and the surcharge on it, up to its payment or the day that is asked about.

    ``payment``: by which it is demanded; None for what of the fine no live payment demands.
    """

    payment: str | None
    fine: int
    surcharge: Surcharge


@dataclass(frozen=True)
class Owed:
    """What is owed of one kind, what of it had been paid by the day, and what is left; all in fen."""

    kind: LineKind
    owed: int
    paid: int

    @property
    def left(self) -> int:
        """What is not paid."""
        return max(0, self.owed - self.paid)


@dataclass(frozen=True)
class Explanation:
    """Everything about a decision's money and terms up to and including ``on``. ``rules``: the rows it follows.

    ``warnings``: what is unusual about the decision, as two appeals that one party has open.
    """

    decision: Decision
    on: date
    receipt: Receipt | None
    due: DueDate | None
    appeals: Sequence[Appeal]
    claims: Sequence[Claim]
    owed: Sequence[Owed]
    terms: Sequence[Term]
    rules: Sequence[Rule]
    warnings: Sequence[Warned] = ()

    @property
    def left(self) -> int:
        """The exact sum in fen that is to be paid on the day: what a 催告 names."""
        return sum(one.left for one in self.owed)


class Explanations:
    """Explains decisions. Reads only."""

    def __init__(self, base: Foundation, decisions: Decisions, demands: Demands, hooks: Hooks) -> None:
        self._base = base
        self._decisions = decisions
        self._demands = demands
        self._hooks = hooks

    async def of(self, authority: str, number: str, on: date | None = None) -> Explanation:
        """The explanation of a decision on a day, today if not given. Raises NotFoundProblem."""
        day = on or day_of(self._base.clock.now())
        return await self._base.store.read(
            lambda conn: self._of(conn, self._decisions.read(conn, authority, number), day)
        )

    def _of(self, conn: Connection, decision: Decision, on: date) -> Explanation:
        clocks = self._decisions.clocks(decision)
        payments = [one for one in records.of_decision(conn, decision.id) if one.status not in _NEVER_OWED]
        elsewhere = self._hooks.with_claims(conn, decision.id, Standing())
        claims = [self._claim(conn, decision, one, on) for one in payments]
        bare = (decision.facts.fine or 0) - sum(one.fine for one in claims) - elsewhere.get(LineKind.FINE, 0)
        if bare > 0:
            claims.append(Claim(None, bare, _plain(clocks, bare, on)))
        claims = [one for one in claims if one.fine > 0]
        paid = self._paid(conn, payments, on)
        sums = {
            LineKind.FINE: decision.facts.fine or 0,
            LineKind.CONFISCATED: decision.facts.confiscated or 0,
            LineKind.SURCHARGE: sum(one.surcharge.amount for one in claims),
        }
        owed = [Owed(kind, total, paid.get(kind, 0) + elsewhere.get(kind, 0)) for kind, total in sums.items() if total]
        due, receipt = clocks.due(), clocks.receipt()
        terms = clocks.enforcement(_counted(claims)) if receipt is not None else (clocks.service_term(),)
        rules = [*(receipt.rules if receipt else ()), *((due.rule,) if due and due.rule else ())]
        rules += [row for one in claims for row in one.surcharge.rules]
        if clocks.appeals():
            rules += [clocks.rule(Matter.AFTER_APPEAL), clocks.rule(Matter.APPEAL_GAP)]
        rules += [one.rule for one in terms]
        return Explanation(
            decision=decision,
            on=on,
            receipt=receipt,
            due=due,
            appeals=clocks.appeals(),
            claims=claims,
            owed=owed,
            terms=terms,
            rules=tuple(dict.fromkeys(rules)),
            warnings=self._decisions.warnings(decision),
        )

    def _claim(self, conn: Connection, decision: Decision, payment: Payment, on: date) -> Claim:
        """A payment's part of the fine; a surcharge runs on it to the day before which it is paid."""
        paid_on = paid_day(payment)
        until = on if paid_on is None else min(paid_on, on)
        accrued = self._demands.accrued(conn, payment, decision, until)
        return Claim(payment.id, fine_in(records.lines(conn, payment.id)), accrued)

    def _paid(self, conn: Connection, payments: Sequence[Payment], on: date) -> dict[LineKind, int]:
        """What had been paid by payments by the end of the day, by kind, with what the platform added of surcharge."""
        found: dict[LineKind, int] = {}
        for payment in payments:
            paid_on = paid_day(payment)
            if payment.status is not Status.PAID or paid_on is None or paid_on > on:
                continue
            for line in records.lines(conn, payment.id):
                found[line.kind] = found.get(line.kind, 0) + line.amount
            found[LineKind.SURCHARGE] = found.get(LineKind.SURCHARGE, 0) + (payment.surcharge_paid or 0)
        return found


def _plain(clocks: Clocks, fine: int, on: date) -> Surcharge:
    """The surcharge on what no payment demands."""
    stated = clocks.facts.surcharge_stated
    return surcharge(fine, clocks.periods(), on, rate=rate_of(clocks), stated=stated, suspensions=clocks.suspensions())


def _counted(claims: Sequence[Claim]) -> list[date]:
    """Every day on which a surcharge has counted on some part of the fine."""
    stretches = {(one.first, one.days) for claim in claims for one in claim.surcharge.stretches if one.counted}
    return sorted({first + timedelta(days=number) for first, days in stretches for number in range(days)})
