"""What can be done about reconciliation 对账: run a day, look at its breaks, resolve them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import Event, Events
from gateway.foundation.evidence import Evidence
from gateway.foundation.evidence.keeping import Prepared
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.ports.nontax import NonTaxPlatform, PaidFact
from gateway.rooms.payments import apply_paid
from gateway.rooms.payments import books as settlement
from gateway.rooms.payments.books import Owner
from gateway.rooms.payments.collections import Quoted, nothing_quoted
from gateway.rooms.reconciliation import bulk, files, records
from gateway.rooms.reconciliation.breaks import held, resolve, said, settle, tell
from gateway.rooms.reconciliation.explanation import Explanation, explained
from gateway.rooms.reconciliation.matching import (
    CLEARED,
    HEALED,
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
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.records import Break, Run
from gateway.rooms.reconciliation.statement import (
    Progress,
    Statement,
    StatementRefusedError,
    Window,
    fetch,
    unseen,
    window,
)
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    Problem,
    UnavailableProblem,
)
from gateway.words.identifiers import new_id

Remember = Callable[[Connection, str], None]
#: Says what money is that a statement tells of as gone back: ours, platform, known or unmatched (``payments.refunds``).
Returned = Callable[[Connection, str, str, int, str, int], str]

_LONGEST_REST = timedelta(days=31)  # after which a side that tells again begins anew
BIG = 200_000  # lines from which files and DuckDB cost less than objects

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
        evidence: Evidence,
        envelope: Envelope,
        clock: Clock,
        cut_offs: Mapping[str, time] | None = None,
        *,
        grace: Grace | None = None,
        returned: Returned | None = None,
        folder: Path | None = None,
        quoted: Quoted = nothing_quoted,
    ) -> None:
        self._store = store
        self._channels = channels
        self._events = events
        self._evidence = evidence
        self._envelope = envelope
        self._clock = clock
        self._cut_offs = dict(cut_offs or {})
        self._grace = grace or Grace()
        self._returned = returned
        self._quoted = quoted
        self._folder = folder or Path(tempfile.gettempdir())

    def window(self, channel: str, day: date) -> Window:
        """A channel's day as instants."""
        return window(day, self._cut_offs.get(channel, time.min))

    async def run(
        self, channel: str, day: date, *, by: str, remember: Remember = _forget, progress: Progress = unseen
    ) -> Run:
        """Fetch the day's statement, believe it as a whole or not at all, match both ways, keep what differs.

        Before the platform's day has ended the run is provisional: what only we have may still come, and is counted
        as waiting. ``remember(conn, run_id)`` joins the transaction. Raises NotFoundProblem and InvalidProblem;
        ConflictProblem ``statement-refused``, UnavailableProblem ``statement-unavailable`` (both kept as runs).
        """
        platform = self._platform(channel)
        days = self.window(channel, day)
        lenient = Window(days.start - self._grace.late // timedelta(microseconds=1), days.end)
        return await self._run(
            channel, Side.PLATFORM, day, by, remember, "", lambda: fetch(platform, day, lenient, progress)
        )

    async def catch_up(self, channel: str, *, by: str, back: int = 7) -> list[date]:
        """Run the days of the last ``back`` whose statement was late: ended, and never matched to the end.

        Days before the channel's first run are not missed. A day that still has no statement does not keep the others
        from theirs; its run says why. Returns the days that were run.
        """
        now = to_micros(self._clock.now())
        today = day_of(self._clock.now())
        span = today - timedelta(days=back), today - timedelta(days=1)
        missed = await self._store.read(lambda conn: records.days_missed(conn, channel, *span))
        done = []
        for day in missed:
            if self.window(channel, day).end > now:
                continue
            with contextlib.suppress(ConflictProblem, UnavailableProblem):
                await self.run(channel, day, by=by)
                done.append(day)
        return done

    async def run_file(
        self,
        channel: str,
        day: date,
        path: Path,
        profile: Profile,
        *,
        by: str,
        name: str | None = None,
        remember: Remember = _forget,
        progress: Progress = unseen,
    ) -> Run:
        """The same with a statement, clearing or treasury file, read as its profile says; raises what ``run`` does.

        ``name`` is what the file is called, if not as at ``path``.
        """
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
            (name or path.name)[:200],
            lambda: asyncio.to_thread(files.read, path, profile, day, lenient, progress),
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
        await self._store.read(lambda conn: refuse_frozen(conn, channel, day))
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
        exchanges, told, error = await self._told(tell)
        now = to_micros(self._clock.now())
        if told is None:
            assert error is not None
            problem = _told_nothing(error)
            state = "refused" if isinstance(problem, ConflictProblem) else "failed"

            def nothing(conn: Connection) -> None:
                self._keep_exchanges(conn, exchanges, run_id)
                records.add_run(conn, **this, state=state, reason=problem.detail, ran_at=now)

            await self._store.write(nothing)
            raise problem from error

        def unit(conn: Connection) -> Run:
            self._keep_exchanges(conn, exchanges, run_id)
            refuse_frozen(conn, channel, day)
            statement_id, before = records.keep_statement(conn, channel, told, now, side, origin)
            records.add_run(conn, **this, state="done", statement_id=statement_id, ran_at=now)
            late = None
            if not records.has_statement(conn, channel, side, day + timedelta(days=1)):
                late = Window(today.end - self._grace.late // timedelta(microseconds=1), today.end)
            one = _Pass(run_id, channel, side, told, self._due(conn, channel, side, day), late, provisional, now)
            if before is not None and before["fetched_at"] >= today.end:
                self._keep_change(conn, one, before["amount"], before["version"])
            self._reconcile(conn, one)
            remember(conn, run_id)
            done = records.fetch_run(conn, run_id)
            assert done is not None
            return done

        try:
            return await self._store.write(unit)
        except Exception as failed:
            for exchange in exchanges:  # what was exchanged is evidence all the same
                self._evidence.record(exchange)
            if isinstance(failed, IntegrityError):
                raise ConflictProblem(
                    f"another node reconciled {channel} {day} at the same moment", cure="Run it again."
                ) from failed
            raise

    def _due(self, conn: Connection, channel: str, side: Side, day: date) -> Window:
        """When the money was paid that this side's statement must have had by now, and no earlier one was asked for.

        Banks and treasuries tell nothing of days on which they rest: what fell due meanwhile is asked of the next one.
        """
        grace = timedelta(days=self._grace.days(side))
        due = self.window(channel, day - grace)
        if side is Side.PLATFORM:
            return due
        before = records.statement_before(conn, channel, side, day)
        if before is None or day - before > _LONGEST_REST:
            return due
        return Window(self.window(channel, before - grace).end, due.end)

    async def _told(
        self, tell: Callable[[], Awaitable[Statement]]
    ) -> tuple[list[Prepared | RawExchange], Statement | None, StatementRefusedError | ExchangeError | None]:
        """Ask for a statement: the exchanges that it took, and the statement or why there is none."""
        told, error = None, None
        with self._evidence.collecting() as batch:
            try:
                told = await tell()
            except (StatementRefusedError, ExchangeError) as why:
                error = why
            except BaseException:
                batch.open = False
                for exchange in batch:
                    self._evidence.record(exchange)
                raise
        return await self._evidence.ready(batch), told, error

    def _keep_exchanges(self, conn: Connection, exchanges: Sequence[Prepared | RawExchange], run_id: str) -> None:
        for exchange in exchanges:
            self._evidence.append(conn, exchange, subject=run_id)

    async def get_run(self, run_id: str) -> Run:
        """One run. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_run(conn, run_id))
        if found is None:
            raise NotFoundProblem("no such reconciliation")
        return found

    async def runs(
        self,
        *,
        channels: Collection[str] | None = None,
        channel: str | None = None,
        day: date | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """Runs, newest first; None for ``channels`` shows all."""
        return await self._store.read(
            lambda conn: records.search_runs(
                conn, channels=channels, channel=channel, day=day, before=before, limit=limit
            )
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
        payment_id: str | None = None,
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
                payment_id=payment_id,
                before=before,
                limit=limit,
            )
        )

    async def get_break(self, id: str) -> Break:
        """One break. Raises NotFoundProblem."""
        return held(await self._store.read(lambda conn: records.fetch_break(conn, id)))

    async def resolve(self, id: str, reason: str, *, by: str, remember: Remember = _forget) -> Break:
        """A person explains a break, also one of a closed month. It stays resolved while its figures stay the same.

        Moves no money and no payment. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is not open.
        """
        words = said(reason)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Break:
            done = resolve(conn, self._events, id, words, by, now)
            remember(conn, id)
            return done

        return await self._store.write(unit)

    async def resolve_many(
        self, ids: Sequence[str], reason: str, *, by: str, remember: Remember = _forget
    ) -> list[Break]:
        """One explanation for several breaks: all of them, or none. Raises what ``resolve`` raises."""
        words = said(reason)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> list[Break]:
            done = [resolve(conn, self._events, id, words, by, now) for id in dict.fromkeys(ids)]
            remember(conn, ids[0])
            return done

        return await self._store.write(unit)

    async def assign(self, id: str, assignee: str | None, *, by: str) -> Break:
        """Say who looks into a break; None: nobody. Raises NotFoundProblem, ConflictProblem when it is not open."""
        name = said(assignee, "assignee")[:80] if assignee is not None else None

        def unit(conn: Connection) -> Break:
            known = held(records.fetch_break(conn, id))
            if known.state != "open" or not records.change_break(conn, known, assignee=name):
                raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
            fresh = held(records.fetch_break(conn, id))
            tell(conn, self._events, "break.assigned", fresh, state="open", by=by)
            return fresh

        return await self._store.write(unit)

    async def explain(self, id: str) -> Explanation:
        """The story of a break in plain words, with its exchanges. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: explained(conn, id, self._clock.now()))
        if found is None:
            raise NotFoundProblem("no such break")
        return found

    def receipt_issued(self, conn: Connection, event: Event) -> None:
        """The receipt that was missing is there."""
        now = to_micros(self._clock.now())
        for known in records.open_of_payment(conn, event.subject, BreakKind.RECEIPT_MISSING):
            closed = {"state": "cleared", "closed_at": now, "closed_by": None, "reason": "其后已开具票据"}
            if records.change_break(conn, known, **closed):
                tell(conn, self._events, "break.closed", known, state="cleared")

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
            settle(conn, self._events, this.channel, concerned, found.payments, this.now)
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
            values = {"ours": max(expected[1], 0), "theirs": today.open[1], "authority": "", "payment_id": None}
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
                self._clear(conn, this, old, f"跨日:见于 {this.day} 的对账文件")
        if this.side is Side.PLATFORM and not this.provisional:
            self._end_grace(conn, this, theirs)

    def _end_grace(self, conn: Connection, this: _Pass, theirs: Collection[Key]) -> None:
        """What might have been on this day's statement and is not, is missing 短款."""
        yesterday = this.day - timedelta(days=1)
        known = records.breaks_of_day(conn, this.channel, yesterday)
        for old in records.crossing(conn, this.channel, yesterday):
            if (old.code, old.bank_serial) in theirs:
                continue
            self._clear(conn, this, old, f"{this.day} 的对账文件中也没有")
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
        tell(conn, self._events, "break.closed" if healed else "break.opened", fresh, state=fresh.state)
        return id

    def _clear(self, conn: Connection, this: _Pass, old: Break, reason: str) -> None:
        if records.change_break(
            conn, old, state="cleared", closed_at=this.now, closed_by=None, reason=reason, run_id=this.run_id
        ):
            this.cleared.append(old)
            tell(conn, self._events, "break.closed", old, state="cleared")

    def _platform(self, channel: str) -> NonTaxPlatform:
        try:
            found = self._channels.get(channel)
        except KeyError:
            raise NotFoundProblem(f"no channel {channel}", field="channel") from None
        if "statement" not in found.info.capabilities:
            raise ConflictProblem(f"channel {channel} offers no statements", type="no-statements", field="channel")
        platform: NonTaxPlatform = found.adapter
        return platform


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
