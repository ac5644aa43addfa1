"""One run inside its transaction: what was told is matched both ways, and what differs is kept as breaks 差错."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.lives import Living
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import Heard, apply_paid, books
from gateway.rooms.payments.books import Owner
from gateway.rooms.reconciliation import bill_records, break_records, continuity_records, statement_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.closing import CLEARED, HEALED
from gateway.rooms.reconciliation.matching import (
    BreakKind,
    Finding,
    Key,
    Outcome,
    Question,
    Side,
    Terms,
    findings,
    outcome,
)
from gateway.rooms.reconciliation.remarks import Remark
from gateway.rooms.reconciliation.rules import Rules
from gateway.rooms.reconciliation.run_breaks import Difference, RunBreaks
from gateway.rooms.reconciliation.run_records import Run
from gateway.rooms.reconciliation.settlement import update_settlements
from gateway.rooms.reconciliation.statement import NO_RECORD, Aside, Statement, Window
from gateway.rooms.reconciliation.statement_records import KeptStatement
from gateway.rooms.reconciliation.states import BreakState
from gateway.words.clock import to_micros

BIG = 200_000  # lines from which files and DuckDB cost less than objects

#: Breaks that a day has beside those of matching; they are cleared by what found them, or by a person.
_OF_THE_DAY = (BreakKind.STATEMENT_CHANGED, BreakKind.CONTINUITY, BreakKind.RECEIPT_MISSING)
_ABSENT = (BreakKind.OURS_ONLY, BreakKind.CROSS_DAY)


@dataclass(frozen=True)
class RunInput:
    """What one run works on. ``days``: when that was paid which should be on the statement.

    ``late``: instants whose money may still come on the next day's statement; None when that one has been told.
    ``provisional``: the platform's day had not ended. ``now`` in microseconds.
    """

    run_id: str
    channel: str
    side: Side
    statement: Statement
    days: Window
    late: Window | None
    provisional: bool
    now: int

    @property
    def day(self) -> date:
        """The statement's day."""
        return self.statement.day

    @property
    def of_platform(self) -> bool:
        """Whether the platform tells, which alone knows of bills."""
        return self.side is Side.PLATFORM


class DayRun:
    """One run. ``reconcile`` is all of it; ``keep_change`` goes before it where the statement says something new."""

    def __init__(
        self, conn: Connection, run: RunInput, rules: Rules, base: Foundation, life: Living[BreakState, Break]
    ) -> None:
        self._conn = conn
        self._run = run
        self._rules = rules
        self._events = base.events
        self._envelope = base.envelope
        self._breaks = RunBreaks(conn, life, run.run_id, run.channel, run.side, run.now)

    def keep_change(self, before: KeptStatement) -> None:
        """A statement that was final and says something else now: a person should know."""
        known = break_records.of_day(self._conn, self._run.channel, self._run.day, self._run.side)
        key = ("", f"v{before.version}")
        changed = Difference(BreakKind.STATEMENT_CHANGED, key, before.amount, self._run.statement.amount)
        self._breaks.keep(self._run.day, known, changed)

    def reconcile(self, record: Run) -> Run:
        """Match, book what only the statement knew, keep what differs, and say where the payments' settlement stands.

        Returns the run's record with its figures.
        """
        conn, run = self._conn, self._run
        unread = {one.code for one in run.statement.beside.unread if one.code}
        issued = books.owners(conn, run.channel, {line.code for line in run.statement.lines} | unread)
        found = self._match(issued)
        healed: set[Key] = set()
        if run.of_platform:
            healed = self._heal(found.differences)
            if healed:
                found = self._match(issued)
        differences = [one for one in found.differences if not self._is_refund(one)]
        waiting = [one for one in differences if run.provisional and one.kind in _ABSENT]
        if run.provisional:
            differences = [one for one in differences if one.kind not in _ABSENT]
        self._keep_breaks(differences, healed, issued)
        if run.of_platform:
            owners = {_owner(one, issued).payment_id for one in (*differences, *waiting)}
            cleared = {known.payment_id or "" for known in self._breaks.cleared}
            concerned = {*found.payments, *owners, *cleared} - {""}
            update_settlements(conn, self._events, run.channel, concerned, found.payments)
            if not run.provisional:
                self._check_continuity()
                self._look_for_receipts()
        return replace(
            record,
            matched=found.equal,
            matched_amount=found.amount,
            healed=len(healed),
            waiting=len(waiting),
            breaks=break_records.count_open(conn, run.channel, run.day, run.side),
            **_beside(run.statement),
        )

    def _match(self, issued: Mapping[str, Owner]) -> Outcome:
        conn, run = self._conn, self._run
        lines = run.statement.lines
        codes = {line.code for line in lines}
        booked = books.books(conn, run.channel, run.days.start, run.days.end, codes)
        here = {(line.code, line.bank_serial) for line in lines}
        missing = {one.code for one in booked if (one.code, one.bank_serial) not in here}
        asked = Question(
            issued=bill_records.terms(conn, issued) if run.of_platform else dict.fromkeys(issued, Terms()),
            days=run.days,
            elsewhere=statement_records.paid_amounts(conn, run.channel, missing, besides=run.day, side=run.side),
            late=run.late if run.of_platform else None,
            standings=run.of_platform,
        )
        if len(lines) >= BIG:
            from gateway.rooms.reconciliation import bulk  # DuckDB is loaded for the first big day

            return bulk.match_big(booked, lines, asked, self._rules.folder)
        return outcome(findings(booked, lines, asked))

    def _is_refund(self, one: Finding) -> bool:
        """Whether money that went back is a refund that refunds know of, or take up now."""
        line = one.line
        if one.kind is not BreakKind.REFUND_UNMATCHED or line is None:
            return False
        if self._run.statement.beside.refunds == "accepted":  # its state is asked of the platform
            return self._rules.expected(self._conn, self._run.channel, line.code, line.amount, line.refund_number)
        paid_at = to_micros(line.paid_at)
        said = self._rules.returned(
            self._conn, self._run.channel, line.code, line.amount, line.bank_serial, paid_at, line.refund_number
        )
        return said != "unmatched"

    def _heal(self, differences: Iterable[Finding]) -> set[Key]:
        """Money on our codes that nobody told us about applies itself, by the function that a callback uses."""
        run = self._run
        lines = [one.line for one in differences if one.kind is BreakKind.PLATFORM_ONLY and one.line is not None]
        for line in sorted(lines, key=lambda line: (line.paid_at, line.bank_serial)):
            fact = PaidFact(
                code=line.code,
                amount=line.amount,
                paid_at=line.paid_at,
                bank_serial=line.bank_serial,
                pay_mode="unknown",
            )
            heard = Heard("statement", run.now, self._rules.quoted)
            apply_paid(self._conn, self._events, self._envelope, run.channel, fact, heard)
        return {(line.code, line.bank_serial) for line in lines}

    def _keep_breaks(self, found: Iterable[Finding], healed: Collection[Key], issued: Mapping[str, Owner]) -> None:
        conn, run = self._conn, self._run
        known = break_records.of_day(conn, run.channel, run.day, run.side)
        by_unit = books.authorities_of_units(conn, {line.unit_code for line in run.statement.lines})
        still = {self._breaks.keep(run.day, known, _difference(one, issued, by_unit)) for one in found}
        still |= {self._breaks.keep(run.day, known, _unread(one, issued)) for one in run.statement.beside.unread}
        theirs = {(line.code, line.bank_serial): line.amount for line in run.statement.lines if line.kind == "paid"}
        for key in healed:
            owner = issued[key[0]]
            booked = Difference(BreakKind.PLATFORM_ONLY, key, None, theirs[key], owner.authority, owner.payment_id)
            still.add(self._breaks.keep(run.day, known, booked, healed=HEALED))
        self._breaks.clear(
            (old for id, old in known.items() if id not in still and old.kind not in _OF_THE_DAY), CLEARED
        )
        elsewhere = break_records.open_on_other_days(conn, run.channel, run.day, {code for code, _ in theirs}, run.side)
        self._breaks.clear((old for old in elsewhere if old.key in theirs), f"跨日:见于 {run.day} 的对账文件")
        if run.of_platform and not run.provisional:
            self._end_grace(theirs)

    def _end_grace(self, theirs: Collection[Key]) -> None:
        """What might have been on this day's statement and is not, is missing 短款."""
        run = self._run
        yesterday = run.day - timedelta(days=1)
        known = break_records.of_day(self._conn, run.channel, yesterday)
        for old in break_records.open_cross_day(self._conn, run.channel, yesterday):
            if old.key in theirs:
                continue
            self._breaks.clear([old], f"{run.day} 的对账文件中也没有")
            missing = Difference(BreakKind.OURS_ONLY, old.key, old.ours, None, old.authority, old.payment_id)
            self._breaks.keep(yesterday, known, missing)

    def _check_continuity(self) -> None:
        """What lived at the last cut-off, and what came and went since, is what lives at this one."""
        conn, run = self._conn, self._run
        today = continuity_records.count(conn, run.channel, run.day, run.days, run.now)
        before = continuity_records.fetch(conn, run.channel, run.day - timedelta(days=1))
        continuity_records.keep(conn, today)
        known = break_records.of_day(conn, run.channel, run.day)
        if before is not None and not today.follows(before):
            _, expected = today.expected(before)
            torn = Difference(BreakKind.CONTINUITY, ("", ""), max(expected, 0), today.open_amount)
            self._breaks.keep(run.day, known, torn)
        else:
            self._breaks.clear(_of_kind(known, BreakKind.CONTINUITY), CLEARED)

    def _look_for_receipts(self) -> None:
        """Payments of the day whose receipt had its time are breaks until they have it."""
        run, patience = self._run, self._rules.grace.receipt
        if patience is None:
            return
        days = self._rules.window(run.channel, run.day - timedelta(days=patience))
        known = break_records.of_day(self._conn, run.channel, run.day)
        still = set()
        for paid in bill_records.without_receipt(self._conn, run.channel, days.start, days.end):
            missing = Difference(BreakKind.RECEIPT_MISSING, (paid.code, ""), paid.amount, None, paid.authority, paid.id)
            still.add(self._breaks.keep(run.day, known, missing))
        self._breaks.clear((old for old in _of_kind(known, BreakKind.RECEIPT_MISSING) if old.id not in still), CLEARED)


def _beside(told: Statement) -> dict[str, Any]:
    """The figures of a run about what stands in its file beside the lines."""
    strangers = told.beside.strangers
    theirs = sum((one.amount or 0) * (1 if one.kind == "paid" else -1) for one in strangers)
    return {
        "passed_over": sum(1 for _, why in told.beside.passed if why not in NO_RECORD),
        "not_ours": len(strangers),
        "not_ours_amount": theirs,
        "remarks": tuple(map(Remark.of, told.beside.remarks)),
    }


def _of_kind(known: Mapping[str, Break], kind: BreakKind) -> Iterable[Break]:
    return (old for old in known.values() if old.kind is kind)


def _owner(finding: Finding, issued: Mapping[str, Owner]) -> Owner:
    """Whose money this is; empty words when nobody knows."""
    if finding.booked is not None and finding.booked.payment_id is not None:
        return Owner(finding.booked.payment_id, finding.booked.authority)
    return issued.get(finding.key[0], Owner("", ""))


def _unread(one: Aside, issued: Mapping[str, Owner]) -> Difference:
    """A line of a file that looks like ours and cannot be read, as it is kept."""
    owner = issued.get(one.code, Owner("", ""))
    key = (one.code, one.bank_serial)
    return Difference(BreakKind.UNREADABLE_LINE, key, None, one.amount, owner.authority, owner.payment_id or None)


def _difference(finding: Finding, issued: Mapping[str, Owner], by_unit: Mapping[str, str]) -> Difference:
    """A finding as it is kept; money on nobody's code belongs to the authority of its collecting unit, if to one."""
    assert finding.kind is not None
    owner = _owner(finding, issued)
    authority = owner.authority or (by_unit.get(finding.line.unit_code, "") if finding.line else "")
    return Difference(finding.kind, finding.key, finding.ours, finding.theirs, authority, owner.payment_id or None)
