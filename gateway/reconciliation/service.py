"""What can be done about reconciliation 对账: run a day, look at its breaks, resolve them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.clock import Clock, from_micros, to_micros
from gateway.crypto.envelope import Envelope
from gateway.crypto.keys import KeyProvider
from gateway.crypto.sm import sm3
from gateway.delivery.events import Events
from gateway.errors import (
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    Problem,
    UnavailableProblem,
)
from gateway.identifiers import clean_text, new_id
from gateway.money import format_yuan
from gateway.payments import apply_paid, settlement
from gateway.payments import records as payment_records
from gateway.payments.arrivals import Quoted, nothing_quoted, settle
from gateway.payments.settlement import Owner, Standing
from gateway.payments.states import Settlement
from gateway.plugins import Channels
from gateway.ports import NonTaxPlatform, PaidFact
from gateway.reconciliation import bulk, files, records
from gateway.reconciliation import report as reports
from gateway.reconciliation.balance import REPORT_KEY, Balance, balance_of, canonical, month_days
from gateway.reconciliation.explanation import Explanation, explained
from gateway.reconciliation.matching import BreakKind, Finding, Key, Outcome, Question, Side, Terms, findings, outcome
from gateway.reconciliation.profiles import Profile
from gateway.reconciliation.records import Break, Run
from gateway.reconciliation.statement import Statement, StatementRefusedError, Window, fetch, window
from gateway.store import Store

Remember = Callable[[Connection, str], None]
#: Says what money is that a statement tells of as gone back: ours, platform, known or unmatched (``payments.refunds``).
Returned = Callable[[Connection, str, str, int, str, int], str]

BIG = 200_000  # lines from which files and DuckDB cost less than objects
HEALED = "the statement told us first; applied as a callback would have been"
CLEARED = "a later run found nothing different any more"

#: Breaks that a day has beside those of matching; they are cleared by what found them, or by a person.
_OF_THE_DAY = (BreakKind.STATEMENT_CHANGED, BreakKind.CONTINUITY, BreakKind.RECEIPT_MISSING)


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


@dataclass(frozen=True)
class Grace:
    """How long each side may take. ``late``: paid so shortly before the cut-off, money may be the next day's 跨日.

    ``bank`` and ``treasury`` are days until money must be cleared 清算 and in the treasury 入库; ``receipt``, days
    until a payment must have its receipt, None where receipts are not looked after.
    """

    late: timedelta = timedelta(hours=1)
    bank: int = 3
    treasury: int = 7
    receipt: int | None = None

    def days(self, side: Side) -> int:
        """Days from payment within which a side's statement must have the money."""
        return {Side.PLATFORM: 0, Side.BANK: self.bank, Side.TREASURY: self.treasury}[side]


@dataclass
class _Pass:
    """What one run works on, inside its transaction. ``days``: when what should be on the statement was paid."""

    run_id: str
    channel: str
    side: Side
    told: Statement
    days: Window
    late: Window | None
    provisional: bool
    now: int
    cleared: list[Break] = field(default_factory=list)
    moved: bool = False

    @property
    def day(self) -> date:
        """The statement's day."""
        return self.told.day


class Reconciliation:
    """Statement against books, both ways, once a day and again whenever somebody asks: a rerun has no second effect.

    ``cut_offs`` names the channels whose day does not end at midnight. Emits ``break.opened``, ``break.closed`` and
    ``payment.settlement`` in the transaction of the change.
    """

    def __init__(
        self,
        store: Store,
        channels: Channels,
        events: Events,
        envelope: Envelope,
        clock: Clock,
        cut_offs: Mapping[str, time] | None = None,
        *,
        grace: Grace | None = None,
        returned: Returned | None = None,
        keys: KeyProvider | None = None,
        folder: Path | None = None,
        quoted: Quoted = nothing_quoted,
    ) -> None:
        self._store = store
        self._channels = channels
        self._events = events
        self._envelope = envelope
        self._clock = clock
        self._cut_offs = dict(cut_offs or {})
        self._grace = grace or Grace()
        self._returned = returned
        self._quoted = quoted
        self._keys = keys
        self._folder = folder or Path(tempfile.gettempdir())

    def window(self, channel: str, day: date) -> Window:
        """A channel's day as instants."""
        return window(day, self._cut_offs.get(channel, time.min))

    async def run(self, channel: str, day: date, *, by: str, remember: Remember = _forget) -> Run:
        """Fetch the day's statement, believe it as a whole or not at all, match both ways, keep what differs.

        Before the platform's day has ended the run is provisional: what only we have may still come, and is counted
        as waiting. ``remember(conn, run_id)`` joins the transaction. Raises NotFoundProblem and InvalidProblem;
        ConflictProblem ``statement-refused``, UnavailableProblem ``statement-unavailable`` (both kept as runs).
        """
        platform = self._platform(channel)
        days = self.window(channel, day)
        lenient = Window(days.start - self._grace.late // timedelta(microseconds=1), days.end)
        return await self._run(channel, Side.PLATFORM, day, by, remember, "", lambda: fetch(platform, day, lenient))

    async def run_file(
        self, channel: str, day: date, path: Path, profile: Profile, *, by: str, remember: Remember = _forget
    ) -> Run:
        """The same with a statement, clearing or treasury file, read as its profile says; raises what ``run`` does."""
        self._platform(channel)
        days = self.window(channel, day)
        patience = timedelta(days=31) if profile.side is not Side.PLATFORM else self._grace.late
        lenient = Window(days.start - patience // timedelta(microseconds=1), days.end)
        return await self._run(
            channel,
            profile.side,
            day,
            by,
            remember,
            path.name[:200],
            lambda: asyncio.to_thread(files.read, path, profile, day, lenient),
        )

    async def _run(
        self,
        channel: str,
        side: Side,
        day: date,
        by: str,
        remember: Remember,
        origin: str,
        tell: Callable[[], Awaitable[Statement]],
    ) -> Run:
        today = self.window(channel, day)
        begun = to_micros(self._clock.now())
        if begun < today.start:
            raise InvalidProblem(
                f"the platform's day {day} has not begun", field="day", cure="Reconcile a day that has passed."
            )
        await self._store.read(lambda conn: self._not_frozen(conn, channel, day))
        run_id = new_id("rec")
        provisional = begun < today.end
        this = {
            "id": run_id,
            "channel": channel,
            "side": side.value,
            "day_on": day,
            "provisional": provisional,
            "ran_by": by,
        }
        try:
            told = await tell()
        except (StatementRefusedError, ExchangeError) as error:
            problem = _told_nothing(error)
            state = "refused" if isinstance(problem, ConflictProblem) else "failed"
            at = to_micros(self._clock.now())
            await self._store.write(
                lambda conn: records.add_run(conn, **this, state=state, reason=problem.detail, ran_at=at)
            )
            raise problem from error
        now = to_micros(self._clock.now())
        days = self.window(channel, day - timedelta(days=self._grace.days(side)))

        def unit(conn: Connection) -> Run:
            self._not_frozen(conn, channel, day)
            statement_id, before = records.keep_statement(conn, channel, told, now, side, origin)
            records.add_run(conn, **this, state="done", statement_id=statement_id, ran_at=now)
            late = None
            if not records.has_statement(conn, channel, side, day + timedelta(days=1)):
                late = Window(days.end - self._grace.late // timedelta(microseconds=1), days.end)
            one = _Pass(run_id, channel, side, told, days, late, provisional, now)
            if before is not None and before["fetched_at"] >= today.end:
                self._keep_change(conn, one, before["amount"], before["version"])
            self._reconcile(conn, one)
            remember(conn, run_id)
            done = records.fetch_run(conn, run_id)
            assert done is not None
            return done

        try:
            return await self._store.write(unit)
        except IntegrityError as error:
            raise ConflictProblem(
                f"another node reconciled {channel} {day} at the same moment", cure="Run it again."
            ) from error

    def _not_frozen(self, conn: Connection, channel: str, day: date) -> None:
        if records.closed_month(conn, channel, records.month_of(day)) is not None:
            raise ConflictProblem(
                f"{records.month_of(day)} is closed for {channel}",
                type="month-closed",
                cure="Have the month reopened by two people, with a reason.",
            )

    async def get_run(self, run_id: str) -> Run:
        """One run. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_run(conn, run_id))
        if found is None:
            raise NotFoundProblem("no such reconciliation")
        return found

    async def runs(
        self, *, channel: str | None = None, day: date | None = None, before: str | None = None, limit: int = 50
    ) -> list[Run]:
        """Runs, newest first."""
        return await self._store.read(
            lambda conn: records.search_runs(conn, channel=channel, day=day, before=before, limit=limit)
        )

    async def breaks(
        self,
        *,
        authorities: Collection[str] | None = None,
        channel: str | None = None,
        day: date | None = None,
        kind: BreakKind | None = None,
        state: str | None = None,
        side: Side | None = None,
        assignee: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Break]:
        """Breaks, newest first; None for ``authorities`` shows all, also those that nobody owns yet."""
        return await self._store.read(
            lambda conn: records.search_breaks(
                conn,
                authorities=authorities,
                channel=channel,
                day=day,
                kind=kind,
                state=state,
                side=side,
                assignee=assignee,
                before=before,
                limit=limit,
            )
        )

    async def get_break(self, id: str) -> Break:
        """One break. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_break(conn, id))
        if found is None:
            raise NotFoundProblem("no such break")
        return found

    async def resolve(self, id: str, reason: str, *, by: str, remember: Remember = _forget) -> Break:
        """A person explains a break. It stays resolved while its figures stay what they are.

        Moves no money and no payment. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is not open.
        """
        said = _said(reason)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Break:
            done = self._resolve(conn, id, said, by, now)
            remember(conn, id)
            return done

        return await self._store.write(unit)

    def _resolve(self, conn: Connection, id: str, reason: str, by: str, now: int) -> Break:
        known = _found(records.fetch_break(conn, id))
        self._not_frozen(conn, known.channel, known.day)
        if known.state != "open" or not records.change_break(
            conn, known, state="resolved", closed_at=now, closed_by=by, reason=reason
        ):
            raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
        self._tell(conn, "break.closed", known, state="resolved")
        if known.payment_id is not None:
            self._settle(conn, known.channel, {known.payment_id}, set(), now)
        return _found(records.fetch_break(conn, id))

    async def resolve_many(
        self, ids: Sequence[str], reason: str, *, by: str, remember: Remember = _forget
    ) -> list[Break]:
        """One explanation for several breaks: all of them, or none. Raises what ``resolve`` raises."""
        said = _said(reason)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> list[Break]:
            done = [self._resolve(conn, id, said, by, now) for id in dict.fromkeys(ids)]
            remember(conn, ids[0])
            return done

        return await self._store.write(unit)

    async def assign(self, id: str, assignee: str | None, *, by: str) -> Break:
        """Say who looks into a break; None: nobody. Raises NotFoundProblem, ConflictProblem when it is not open."""
        name = _said(assignee, "assignee")[:80] if assignee is not None else None

        def unit(conn: Connection) -> Break:
            known = _found(records.fetch_break(conn, id))
            if known.state != "open" or not records.change_break(conn, known, assignee=name):
                raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
            fresh = _found(records.fetch_break(conn, id))
            self._tell(conn, "break.assigned", fresh, state="open", by=by)
            return fresh

        return await self._store.write(unit)

    # --- what moves money: one proposes, another confirms -------------------------------------------------------------

    async def propose(
        self,
        id: str,
        action: str,
        reason: str,
        *,
        by: str,
        payment_id: str | None = None,
        remember: Remember = _forget,
    ) -> str:
        """Propose to give money back (``refund``) or to say whose it is (``attribute``); the proposal's id.

        Nothing moves before another person confirms. Raises NotFoundProblem, InvalidProblem, ConflictProblem.
        """
        said = _said(reason)
        now = to_micros(self._clock.now())
        if action not in ("refund", "attribute") or (action == "attribute") != (payment_id is not None):
            raise InvalidProblem("either refund, or attribute to a payment", field="action")

        def unit(conn: Connection) -> str:
            known = _found(records.fetch_break(conn, id))
            self._not_frozen(conn, known.channel, known.day)
            if known.state != "open":
                raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
            if known.theirs is None:
                raise ConflictProblem("the statement has no money here that could move", type="no-money")
            if payment_id is not None and payment_records.fetch(conn, payment_id) is None:
                raise NotFoundProblem("no such payment", field="payment")
            if any(one["state"] == "proposed" for one in records.actions_of(conn, id)):
                raise ConflictProblem("something is proposed already", type="already-proposed")
            action_id = new_id("act")
            records.add_action(
                conn,
                id=action_id,
                break_id=id,
                action=action,
                payment_id=payment_id,
                reason=said,
                state="proposed",
                proposed_by=by,
                proposed_at=now,
            )
            self._tell(conn, "break.proposed", known, state="open", action=action, by=by)
            remember(conn, action_id)
            return action_id

        return await self._store.write(unit)

    async def confirm(self, action_id: str, *, by: str, remember: Remember = _forget) -> Break:
        """Confirm as a second person, and close the break. The database itself refuses the first person.

        ``attribute`` applies the money to its payment as its arrival would have; ``refund`` is told as the event
        ``break.refund_confirmed``. Raises NotFoundProblem, ConflictProblem (``second-person``, ``not-proposed``).
        """
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Break:
            action = records.fetch_action(conn, action_id)
            if action is None:
                raise NotFoundProblem("no such proposal")
            known = _found(records.fetch_break(conn, action["break_id"]))
            self._not_frozen(conn, known.channel, known.day)
            if action["proposed_by"] == by:
                raise ConflictProblem(
                    "who proposed it cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm 复核.",
                )
            if known.state != "open" or not records.move_action(
                conn, action_id, state="confirmed", confirmed_by=by, confirmed_at=now
            ):
                raise ConflictProblem("this is not proposed any more", type="not-proposed")
            reason = f"{action['reason']} ({action['action']}: {action['proposed_by']}, 复核 {by})"
            closed = self._resolve(conn, known.id, reason, by, now)
            if action["action"] == "attribute":
                self._attribute(conn, known, action["payment_id"], now)
            else:
                self._tell(
                    conn, "break.refund_confirmed", closed, state="resolved", amount=format_yuan(known.theirs or 0)
                )
            remember(conn, closed.id)
            return closed

        return await self._store.write(unit)

    def _attribute(self, conn: Connection, known: Break, payment_id: str, now: int) -> None:
        row = payment_records.fetch(conn, payment_id)
        code = payment_records.live_code(conn, payment_id)
        assert row is not None
        if code is None or known.theirs is None:
            raise ConflictProblem("this payment takes no money now", type="payment-not-payable")
        money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        line = records.line_of(conn, known.channel, known.code, known.bank_serial)
        if money is None and line is not None:
            fact = PaidFact(
                code=known.code,
                amount=known.theirs,
                paid_at=from_micros(line["paid_at"]),
                bank_serial=known.bank_serial,
                pay_mode="unknown",
            )
            apply_paid(conn, self._events, self._envelope, known.channel, fact, "statement", now, self._quoted)
            money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        if money is None or money["payment_id"] is not None:
            raise ConflictProblem("this money has an owner already", type="money-has-an-owner")
        payment_records.claim_collection(conn, money["id"], payment_id)
        settle(conn, self._events, row, code, money["id"], money["amount"], money["paid_at"], "statement", now)
        self._settle(conn, known.channel, {payment_id}, set(), now)

    # --- the month ----------------------------------------------------------------------------------------------------

    async def balance(self, channel: str, month: str) -> Balance:
        """The balance statement 余额调节表 of a month as it stands. Raises InvalidProblem."""
        first, last = month_days(month)
        return await self._store.read(lambda conn: balance_of(conn, channel, first, last, self.window))

    async def report(
        self,
        kind: reports.Kind,
        channel: str,
        first: date,
        last: date,
        *,
        authorities: Collection[str] | None = None,
    ) -> reports.Report:
        """A report over these days. Raises InvalidProblem for days in disorder."""
        if last < first or (last - first).days > 366:
            raise InvalidProblem("a report covers at most a year, its first day first", field="last")
        now = self._clock.now()

        def query(conn: Connection) -> reports.Report:
            balance = balance_of(conn, channel, first, last, self.window)
            return reports.gather(
                conn,
                kind,
                channel,
                first,
                last,
                window_of=self.window,
                balance=balance,
                now=now,
                authorities=authorities,
            )

        return await self._store.read(query)

    def signed(self, made: reports.Report) -> dict[str, Any]:
        """A report as signed JSON."""
        if self._keys is None:
            raise UnavailableProblem("no keys to sign with")
        return reports.to_json(made, self._keys)

    async def explain(self, id: str) -> Explanation:
        """The story of a break in plain words, with its exchanges. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: explained(conn, id, self._clock.now()))
        if found is None:
            raise NotFoundProblem("no such break")
        return found

    async def close_month(self, channel: str, month: str, *, by: str) -> Balance:
        """Close and freeze a month 月结: signed, and only two people with a reason can open it again.

        Raises ConflictProblem ``month-not-over``, ``month-incomplete`` (days without a final run),
        ``month-not-balanced`` (differences that no break names), ``month-closed``.
        """
        first, last = month_days(month)
        now = to_micros(self._clock.now())
        if now < self.window(channel, last).end:
            raise ConflictProblem(f"{month} is not over", type="month-not-over")
        self._platform(channel)

        def unit(conn: Connection) -> Balance:
            if records.closed_month(conn, channel, month) is not None:
                raise ConflictProblem(f"{month} is closed for {channel}", type="month-closed")
            if missing := records.days_without_run(conn, channel, first, last):
                raise ConflictProblem(
                    f"not reconciled: {', '.join(str(day) for day in missing)}",
                    type="month-incomplete",
                    cure="Reconcile these days, then close the month.",
                )
            found = balance_of(conn, channel, first, last, self.window)
            if not found.balanced:
                raise ConflictProblem(
                    f"{len(found.unexplained)} differences have no break, adjusted books and statement are "
                    f"{format_yuan(abs(found.adjusted_books - found.adjusted_statements))} apart",
                    type="month-not-balanced",
                    cure="Reconcile the days of these differences again: "
                    + ", ".join(f"{one.code} {one.bank_serial}" for one in found.unexplained[:5]),
                )
            figures = found.figures()
            body = canonical(figures)
            records.add_close(
                conn,
                id=new_id("cls"),
                channel=channel,
                month=month,
                state="closed",
                figures=figures,
                digest=sm3(body),
                signature=self._keys.sign(REPORT_KEY, body) if self._keys is not None else b"",
                closed_by=by,
                closed_at=now,
            )
            self._events.emit(
                conn,
                type="month.closed",
                subject=f"{channel}/{month}"[:40],
                authority="",
                data={"channel": channel, "month": month, "digest": sm3(body).hex(), "by": by},
            )
            return found

        try:
            return await self._store.write(unit)
        except IntegrityError as error:
            raise ConflictProblem(f"{month} is closed for {channel}", type="month-closed") from error

    async def reopen_month(self, channel: str, month: str, reason: str | None = None, *, by: str) -> str:
        """Ask to open a closed month again, with a reason; the second person, without one, does it. The new state."""
        said = None if reason is None else _said(reason)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> str:
            row = records.closed_month(conn, channel, month)
            if row is None:
                raise NotFoundProblem(f"{month} is not closed for {channel}")
            if row["state"] == "closed":
                if said is None:
                    raise InvalidProblem("reopening a month needs a reason", field="reason")
                if not records.move_close(conn, row["id"], "closed", state="reopening", asked_by=by, reason=said):
                    raise ConflictProblem("somebody else was faster", type="month-closed")
                return "reopening"
            if row["asked_by"] == by:
                raise ConflictProblem(
                    "who asked for it cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm 复核.",
                )
            if not records.move_close(conn, row["id"], "reopening", state="reopened", reopened_by=by, reopened_at=now):
                raise ConflictProblem("somebody else was faster", type="month-closed")
            self._events.emit(
                conn,
                type="month.reopened",
                subject=f"{channel}/{month}"[:40],
                authority="",
                data={"channel": channel, "month": month, "asked_by": row["asked_by"], "by": by},
            )
            return "reopened"

        return await self._store.write(unit)

    # --- inside a run's transaction -----------------------------------------------------------------------------------

    def _reconcile(self, conn: Connection, this: _Pass) -> None:
        issued = settlement.owners(conn, this.channel, {line.code for line in this.told.lines})
        found = self._match(conn, this, issued)
        healed: set[Key] = set()
        if this.side is Side.PLATFORM:
            healed = self._heal(conn, this, found.differences)
            if healed:
                found = self._match(conn, this, issued)
        differences = [one for one in found.differences if not self._returns(conn, this, one)]
        absent = (BreakKind.OURS_ONLY, BreakKind.CROSS_DAY)
        waiting = [one for one in differences if this.provisional and one.kind in absent]
        if this.provisional:
            differences = [one for one in differences if one.kind not in absent]
        self._keep_breaks(conn, this, differences, healed, issued)
        if this.side is Side.PLATFORM:
            owners = {_owner(one, issued).payment_id for one in (*differences, *waiting)}
            concerned = {*found.payments, *owners, *(known.payment_id or "" for known in this.cleared)} - {""}
            self._settle(conn, this.channel, concerned, set(found.payments), this.now)
            if not this.provisional:
                self._count_day(conn, this)
        records.set_run(
            conn,
            this.run_id,
            matched=found.equal,
            matched_amount=found.amount,
            healed=len(healed),
            waiting=len(waiting),
            breaks=records.count_open(conn, this.channel, this.day, this.side),
        )

    def _match(self, conn: Connection, this: _Pass, issued: Mapping[str, Owner]) -> Outcome:
        lines = this.told.lines
        codes = {line.code for line in lines}
        books = settlement.books(conn, this.channel, this.days.start, this.days.end, codes)
        here = {(line.code, line.bank_serial) for line in lines}
        missing = {one.code for one in books if (one.code, one.bank_serial) not in here}
        asked = Question(
            issued=records.terms(conn, issued) if this.side is Side.PLATFORM else dict.fromkeys(issued, Terms()),
            days=this.days,
            elsewhere=records.told(conn, this.channel, missing, besides=this.day, side=this.side),
            late=this.late if this.side is Side.PLATFORM else None,
            standings=this.side is Side.PLATFORM,
        )
        if len(lines) >= BIG:
            return bulk.match_big(books, lines, asked, self._folder)
        return outcome(findings(books, lines, asked))

    def _returns(self, conn: Connection, this: _Pass, one: Finding) -> bool:
        """Whether money that went back is a refund that payments knows of, or takes up now."""
        if one.kind is not BreakKind.REFUND_UNMATCHED or self._returned is None or one.line is None:
            return False
        line = one.line
        said = self._returned(conn, this.channel, line.code, line.amount, line.bank_serial, to_micros(line.paid_at))
        return said != "unmatched"

    def _keep_change(self, conn: Connection, this: _Pass, before: int, version: int) -> None:
        """A statement that was final and says something else now: a person should know."""
        known = records.breaks_of_day(conn, this.channel, this.day, this.side)
        values = {"ours": before, "theirs": this.told.amount, "authority": "", "payment_id": None}
        self._keep(conn, this, known, BreakKind.STATEMENT_CHANGED, ("", f"v{version}"), values)

    def _count_day(self, conn: Connection, this: _Pass) -> None:
        """Continuity: what lived at the last cut-off, and what came and went since, is what lives at this one."""
        today = records.count_codes(conn, this.channel, this.days.start, this.days.end)
        before = records.day_of_channel(conn, this.channel, this.day - timedelta(days=1))
        records.keep_day(conn, this.channel, this.day, today, this.now)
        known = records.breaks_of_day(conn, this.channel, this.day)
        expected = tuple(
            b + i - c for b, i, c in zip(before.open if before else (), today.issued, today.closed, strict=False)
        )
        if before is not None and expected != today.open:
            values = {"ours": expected[1], "theirs": today.open[1], "authority": "", "payment_id": None}
            self._keep(conn, this, known, BreakKind.CONTINUITY, ("", ""), values)
        else:
            for old in known.values():
                if old.kind is BreakKind.CONTINUITY and old.state == "open":
                    self._clear(conn, this, old, CLEARED)
        self._look_for_receipts(conn, this)

    def _look_for_receipts(self, conn: Connection, this: _Pass) -> None:
        """Payments of the day whose receipt had its time are breaks until they have it."""
        if self._grace.receipt is None:
            return
        day = this.day - timedelta(days=self._grace.receipt)
        days = self.window(this.channel, day)
        known = records.breaks_of_day(conn, this.channel, this.day)
        still = set()
        for code, payment_id, authority, amount in records.without_receipt(conn, this.channel, days.start, days.end):
            values = {"ours": amount, "theirs": None, "authority": authority, "payment_id": payment_id}
            still.add(self._keep(conn, this, known, BreakKind.RECEIPT_MISSING, (code, ""), values))
        for id, old in known.items():
            if old.kind is BreakKind.RECEIPT_MISSING and old.state == "open" and id not in still:
                self._clear(conn, this, old, CLEARED)

    def _heal(self, conn: Connection, this: _Pass, findings: Iterable[Finding]) -> set[Key]:
        """Money on our codes that nobody told us about applies itself, by the function that a callback uses."""
        lines = [one.line for one in findings if one.kind is BreakKind.PLATFORM_ONLY and one.line is not None]
        for line in sorted(lines, key=lambda line: (line.paid_at, line.bank_serial)):
            fact = PaidFact(
                code=line.code,
                amount=line.amount,
                paid_at=line.paid_at,
                bank_serial=line.bank_serial,
                pay_mode="unknown",
            )
            apply_paid(conn, self._events, self._envelope, this.channel, fact, "statement", this.now, self._quoted)
        return {(line.code, line.bank_serial) for line in lines}

    def _keep_breaks(
        self,
        conn: Connection,
        this: _Pass,
        findings: Iterable[Finding],
        healed: Collection[Key],
        issued: Mapping[str, Owner],
    ) -> None:
        known = records.breaks_of_day(conn, this.channel, this.day, this.side)
        by_unit = settlement.authorities_of_units(conn, {line.unit_code for line in this.told.lines})
        still: set[str] = set()
        for finding in findings:
            assert finding.kind is not None
            owner = _owner(finding, issued)
            authority = owner.authority or (by_unit.get(finding.line.unit_code, "") if finding.line else "")
            still.add(
                self._keep(
                    conn,
                    this,
                    known,
                    finding.kind,
                    finding.key,
                    {
                        "ours": finding.ours,
                        "theirs": finding.theirs,
                        "authority": authority,
                        "payment_id": owner.payment_id or None,
                    },
                )
            )
        theirs = {(line.code, line.bank_serial): line.amount for line in this.told.lines if line.kind == "paid"}
        for key in healed:
            values = {
                "ours": None,
                "theirs": theirs[key],
                "authority": issued[key[0]].authority,
                "payment_id": issued[key[0]].payment_id,
            }
            still.add(self._keep(conn, this, known, BreakKind.PLATFORM_ONLY, key, values, healed=True))
        for id, old in known.items():
            if old.state == "open" and id not in still and old.kind not in _OF_THE_DAY:
                self._clear(conn, this, old, CLEARED)
        for old in records.open_elsewhere(conn, this.channel, this.day, {code for code, _ in theirs}, this.side):
            if (old.code, old.bank_serial) in theirs:
                self._clear(conn, this, old, f"on the statement of {this.day} 跨日")
        if this.side is Side.PLATFORM and not this.provisional:
            self._end_grace(conn, this, theirs)

    def _end_grace(self, conn: Connection, this: _Pass, theirs: Collection[Key]) -> None:
        """What might have been on this day's statement and is not, is missing 短款."""
        yesterday = this.day - timedelta(days=1)
        known = records.breaks_of_day(conn, this.channel, yesterday)
        for old in records.crossing(conn, this.channel, yesterday):
            if (old.code, old.bank_serial) in theirs:
                continue
            self._clear(conn, this, old, f"not on the statement of {this.day} either")
            values = {"ours": old.ours, "theirs": None, "authority": old.authority, "payment_id": old.payment_id}
            key = (old.code, old.bank_serial)
            self._keep(conn, this, known, BreakKind.OURS_ONLY, key, values, day=yesterday)

    def _keep(
        self,
        conn: Connection,
        this: _Pass,
        known: Mapping[str, Break],
        kind: BreakKind,
        key: Key,
        values: Mapping[str, object],
        *,
        healed: bool = False,
        day: date | None = None,
    ) -> str:
        """Open, re-open or leave alone; a healed one is kept closed. Returns the id."""
        day = day or this.day
        id = records.break_id(this.channel, day, kind, key, this.side)
        old = known.get(id)
        same = old is not None and (old.ours, old.theirs) == (values["ours"], values["theirs"])
        closing = (
            {"state": "healed", "closed_at": this.now, "closed_by": None, "reason": HEALED}
            if healed
            else {"state": "open", "closed_at": None, "closed_by": None, "reason": None}
        )
        if old is None:
            records.add_break(
                conn,
                id=id,
                channel=this.channel,
                side=this.side.value,
                day_on=day,
                kind=kind.value,
                code=key[0],
                bank_serial=key[1],
                run_id=this.run_id,
                opened_at=this.now,
                **values,
                **closing,
            )
        elif same and old.state in ("open", "resolved") and not healed:
            return id
        else:
            records.change_break(conn, old, run_id=this.run_id, **values, **closing)
        fresh = records.fetch_break(conn, id)
        assert fresh is not None
        self._tell(conn, "break.closed" if healed else "break.opened", fresh, state=fresh.state)
        return id

    def _clear(self, conn: Connection, this: _Pass, old: Break, reason: str) -> None:
        if records.change_break(
            conn, old, state="cleared", closed_at=this.now, closed_by=None, reason=reason, run_id=this.run_id
        ):
            this.cleared.append(old)
            self._tell(conn, "break.closed", old, state="cleared")

    def _settle(self, conn: Connection, channel: str, concerned: set[str], matched: set[str], now: int) -> None:
        """Broken while a break is open; matched when a statement has the money that paid it, to the fen."""
        broken = records.payments_with_open_breaks(conn, concerned)
        wanted = dict.fromkeys(matched, Settlement.MATCHED) | dict.fromkeys(broken, Settlement.BROKEN)
        rest = settlement.money_of(conn, concerned - wanted.keys())
        told = records.told(conn, channel, {one.code for money in rest.values() for one in money})
        for payment_id in concerned - wanted.keys():
            paying = [one for one in rest.get(payment_id, []) if one.standing is Standing.PAYS]
            if not paying:
                wanted[payment_id] = Settlement.NONE
            elif all(told.get((one.code, one.bank_serial)) == one.amount for one in paying):
                wanted[payment_id] = Settlement.MATCHED
            else:
                wanted[payment_id] = Settlement.PENDING
        settlement.settle_all(conn, self._events, wanted, now)

    def _tell(self, conn: Connection, type: str, about: Break, *, state: str, **more: str) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=about.id,
            authority=about.authority,
            data={
                "channel": about.channel,
                "side": about.side.value,
                "day": about.day.isoformat(),
                "kind": about.kind.value,
                "state": state,
                "code": about.code,
                "payment_id": about.payment_id,
                **more,
            },
        )

    def _platform(self, channel: str) -> NonTaxPlatform:
        try:
            found = self._channels.get(channel)
        except KeyError:
            raise NotFoundProblem(f"no channel {channel}", field="channel") from None
        if "statement" not in found.info.capabilities:
            raise ConflictProblem(f"channel {channel} offers no statements", type="no-statements", field="channel")
        platform: NonTaxPlatform = found.adapter
        return platform


def _said(text: str, field: str = "reason") -> str:
    """Words of a person, cleaned. Raises InvalidProblem for none."""
    try:
        said = clean_text(text, multiline=True)
    except ValueError as problem:
        raise InvalidProblem(str(problem), field=field) from problem
    if not said:
        raise InvalidProblem("a resolution needs a reason" if field == "reason" else "this is empty", field=field)
    return said


def _found(known: Break | None) -> Break:
    if known is None:
        raise NotFoundProblem("no such break")
    return known


def _owner(finding: Finding, issued: Mapping[str, Owner]) -> Owner:
    """Whose money this is; empty words when nobody knows."""
    if finding.booked is not None and finding.booked.payment_id is not None:
        return Owner(finding.booked.payment_id, finding.booked.authority)
    return issued.get(finding.key[0], Owner("", ""))


def _told_nothing(error: StatementRefusedError | ExchangeError) -> Problem:
    """What the caller is told when there is no statement to work with."""
    if isinstance(error, StatementRefusedError | ContractError):
        return ConflictProblem(
            f"the statement cannot be believed, nothing of it was used: {error}",
            type="statement-refused",
            cure="Ask the platform's operator for a corrected statement, then run the day again.",
        )
    return UnavailableProblem(
        f"no statement could be had: {error}",
        type="statement-unavailable",
        cure="Run the day again later; nothing was changed.",
    )
