"""Reconciliation 对账: ask a side for the statement of a day, and match it against the books, once and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.base import Foundation
from gateway.foundation.evidence.later import Prepared
from gateway.foundation.once import NEVER, Once
from gateway.ports.base import RawExchange
from gateway.ports.nontax import NonTaxPlatform
from gateway.rooms.payments import books
from gateway.rooms.reconciliation import break_records, files, run_records, statement_records
from gateway.rooms.reconciliation.breaks import Breaks
from gateway.rooms.reconciliation.day_run import DayRun, RunInput
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.rules import Rules
from gateway.rooms.reconciliation.run_records import EVERY_RUN, Run, RunFilter
from gateway.rooms.reconciliation.statement import (
    Progress,
    Statement,
    StatementRefusedError,
    Window,
    fetch,
    taking_back,
    unseen,
)
from gateway.rooms.reconciliation.statement_records import KeptStatement
from gateway.rooms.reconciliation.states import RunState
from gateway.rooms.reconciliation.totals import require_told
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    Problem,
    UnavailableProblem,
)
from gateway.words.identifiers import new_id
from gateway.words.money import format_sum
from gateway.words.saying import said_of, say

_LONGEST_REST = timedelta(days=31)  # after which a side that tells again begins anew


@dataclass(frozen=True)
class StatementFile:
    """A file of a side, and the format to read it by. ``name`` is what it is called, if not as at ``path``.

    ``typed``: count and sums of a file that has no totals, as the other side has told them to a person.
    """

    path: Path
    profile: Profile
    name: str | None = None
    typed: Mapping[str, str] | None = None

    @property
    def origin(self) -> str:
        """Its name, as it is kept with the statement."""
        return (self.name or self.path.name)[:200]


@dataclass(frozen=True)
class MonthOfDays:
    """Days of a channel. ``runs``: the last that was done of a day and side, else the last; ``open``: breaks.

    ``missed``: days that have ended, and that the platform's statement was not matched for.
    """

    runs: Mapping[tuple[date, Side], Run]
    open: Mapping[tuple[date, Side], int]
    missed: Sequence[date]


@dataclass(frozen=True)
class _Order:
    """Which statement a run is of, and who wants it. ``origin``: the file's name; empty where the side is asked."""

    channel: str
    side: Side
    day: date
    by: str
    origin: str = ""


class Reconciliation:
    """Statement against books, both ways, once a day and again whenever somebody asks: a rerun has no second effect.

    Breaks are opened and closed, and ``payment.settlement`` emitted, in the transaction of the change. ``breaks`` is
    what people do about them.
    """

    def __init__(self, base: Foundation, rules: Rules | None = None) -> None:
        self._base = base
        self._store = base.store
        self._clock = base.clock
        self._evidence = base.evidence
        self.rules = rules or Rules()
        self.breaks = Breaks(base.store, base.events, base.clock)

    def window(self, channel: str, day: date) -> Window:
        """A channel's day as instants."""
        return self.rules.window(channel, day)

    async def held(self, run_id: str) -> Run:
        """One run. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: run_records.held(conn, run_id))

    async def find(self, wanted: RunFilter = EVERY_RUN, *, before: str | None = None, limit: int = 50) -> list[Run]:
        """Runs, newest first; ``before`` is the id at which the previous page ended."""
        return await self._store.read(lambda conn: run_records.find(conn, wanted, before=before, limit=limit))

    async def month(self, channel: str, first: date, last: date) -> MonthOfDays:
        """What came of each day and side from ``first`` to ``last``, and which days nobody has reconciled."""
        ended = self._ended(channel, first, last)

        def read(conn: Connection) -> MonthOfDays:
            latest = run_records.latest_of_days(conn, channel, first, last)
            done = run_records.last_of_days(conn, channel, first, last)
            return MonthOfDays(
                runs={(one.day_on, one.side): one for one in (*latest, *done)},
                open=break_records.open_by_day(conn, channel, first, last),
                missed=run_records.days_missed(conn, channel, ended[0], ended[-1]) if ended else [],
            )

        return await self._store.read(read)

    async def missed(self, channel: str, first: date, last: date) -> list[date]:
        """The days from ``first`` to ``last`` that have ended and that nobody has reconciled."""
        ended = self._ended(channel, first, last)
        if not ended:
            return []
        return await self._store.read(lambda conn: run_records.days_missed(conn, channel, ended[0], ended[-1]))

    def _ended(self, channel: str, first: date, last: date) -> list[date]:
        now = to_micros(self._clock.now())
        every = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [day for day in every if self.window(channel, day).end <= now]

    async def run(self, channel: str, day: date, *, by: str, once: Once = NEVER, progress: Progress = unseen) -> Run:
        """Fetch the day's statement, believe it as a whole or not at all, match both ways, keep what differs.

        Before the platform's day has ended the run is provisional: what only we have may still come, and is counted
        as waiting. ``once`` joins the transaction. Raises NotFoundProblem and InvalidProblem;
        ConflictProblem ``statement-refused``, UnavailableProblem ``statement-unavailable`` (both kept as runs).
        """
        platform = self._platform(channel)
        days = self.window(channel, day)
        lenient = Window(days.start - self.rules.grace.late_micros, days.end)
        order = _Order(channel, Side.PLATFORM, day, by)
        return await self._run(order, once, lambda: fetch(platform, day, lenient, progress))

    async def run_file(
        self,
        channel: str,
        day: date,
        file: StatementFile,
        *,
        by: str,
        once: Once = NEVER,
        progress: Progress = unseen,
    ) -> Run:
        """The same with a statement, clearing or treasury file, read as its profile says; raises what ``run`` does."""
        order = _Order(channel, file.profile.side, day, by, file.origin)

        async def tell() -> Statement:
            told = await self.look_at(channel, day, file, progress)
            return told if told.proven else _believed(told, order, file.typed)

        return await self._run(order, once, tell)

    async def look_at(self, channel: str, day: date, file: StatementFile, progress: Progress = unseen) -> Statement:
        """What a file says, read as its profile says; nothing is kept. Raises StatementRefusedError."""
        self._platform(channel)
        days = self.window(channel, day)
        patience = timedelta(days=31) if file.profile.side is not Side.PLATFORM else self.rules.grace.late
        lenient = Window(days.start - patience // timedelta(microseconds=1), days.end)
        return await asyncio.to_thread(files.read, file.path, file.profile, day, lenient, progress)

    async def began(self, channel: str) -> date | None:
        """The first day of a channel here: of its first code or its first run. None before either."""
        return await self._store.read(lambda conn: run_records.began(conn, channel))

    async def catch_up(self, channel: str, *, by: str, back: int = 7) -> list[date]:
        """Run the days of the last ``back`` whose statement was late: ended, and never matched to the end.

        Days before the channel's first run are not missed. A day that still has no statement does not keep the others
        from theirs; its run says why. Returns the days that were run.
        """
        now = to_micros(self._clock.now())
        today = day_of(self._clock.now())
        span = today - timedelta(days=back), today - timedelta(days=1)
        missed = await self._store.read(lambda conn: run_records.days_missed(conn, channel, *span))
        done = []
        for day in missed:
            if self.window(channel, day).end > now:
                continue
            with contextlib.suppress(ConflictProblem, UnavailableProblem):
                await self.run(channel, day, by=by)
                done.append(day)
        return done

    # --- one run ------------------------------------------------------------------------------------------------------

    async def _run(self, order: _Order, once: Once, tell: Callable[[], Awaitable[Statement]]) -> Run:
        await once.look_first(self._store)  # the other side is asked before the unit
        today = self.window(order.channel, order.day)
        begun = to_micros(self._clock.now())
        if begun < today.start:
            raise InvalidProblem(say("reconciliation.not_begun", day=order.day), field="day")
        await self._store.read(lambda conn: refuse_frozen(conn, order.channel, order.day))
        exchanges, told, error = await self._told(tell)
        run = Run(
            id=new_id("rec"),
            channel=order.channel,
            side=order.side,
            day_on=order.day,
            state=RunState.DONE,
            reason=None,
            statement_id=None,
            provisional=begun < today.end,
            ran_by=order.by,
            ran_at=to_micros(self._clock.now()),
        )
        if told is None:
            assert error is not None
            raise await self._keep_nothing(run, exchanges, error) from error

        def unit(conn: Connection) -> Run:
            self._keep_exchanges(conn, exchanges, run.id)
            refuse_frozen(conn, order.channel, order.day)
            return self._reconcile(conn, run, told, order.origin)

        try:
            return await self._store.write(once.about(run.id).first(unit))
        except Exception as failed:
            for exchange in exchanges:  # what was exchanged is evidence all the same
                self._evidence.record(exchange)
            if isinstance(failed, IntegrityError):
                raise ConflictProblem(say("reconciliation.moment", channel=order.channel, day=order.day)) from failed
            raise

    def _reconcile(self, conn: Connection, run: Run, told: Statement, origin: str) -> Run:
        """Keep the statement and match it; the run as it ended."""
        channel, side, day, now = run.channel, run.side, run.day_on, run.ran_at
        if told.beside.strangers:
            told = taking_back(told, books.owners(conn, channel, {one.code for one in told.beside.strangers}))
        today = self.window(channel, day)
        first = KeptStatement(
            id=new_id("stm"),
            channel=channel,
            side=side,
            origin=origin,
            day_on=told.day,
            version=1,
            lines=len(told.lines),
            amount=told.amount,
            digest=told.digest,
            fetched_at=now,
        )
        statement_id, before = statement_records.keep(conn, told, first)
        if statement_id == first.id:
            self._evidence.note(conn, "statement", {"digest": told.digest.hex()}, statement_id)
        run = replace(run, statement_id=statement_id)
        run_records.add(conn, run)
        late = None
        if statement_records.fetch_current(conn, channel, side, day + timedelta(days=1)) is None:
            late = Window(today.end - self.rules.grace.late_micros, today.end)
        work = RunInput(run.id, channel, side, told, self._due(conn, run), late, run.provisional, now)
        day_run = DayRun(conn, work, self.rules, self._base, self.breaks.life)
        if before is not None and before.fetched_at >= today.end:
            day_run.keep_change(before)
        run = day_run.reconcile(run)
        run_records.complete(conn, run)
        return run

    def _due(self, conn: Connection, run: Run) -> Window:
        """When the money was paid that this side's statement must have had by now, and no earlier one was asked for.

        Banks and treasuries tell nothing of days on which they rest: what fell due meanwhile is asked of the next one.
        """
        channel, day = run.channel, run.day_on
        grace = timedelta(days=self.rules.grace.days(run.side))
        due = self.window(channel, day - grace)
        if run.side is Side.PLATFORM:
            return due
        before = statement_records.day_before(conn, channel, run.side, day)
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

    async def _keep_nothing(
        self, run: Run, exchanges: Sequence[Prepared | RawExchange], error: StatementRefusedError | ExchangeError
    ) -> Problem:
        """Keep a run that had no statement to work with; what the caller is told."""
        problem = _told_nothing(error)
        state = RunState.REFUSED if isinstance(problem, ConflictProblem) else RunState.FAILED
        ended = replace(run, state=state, reason=problem.detail)

        def unit(conn: Connection) -> None:
            self._keep_exchanges(conn, exchanges, run.id)
            run_records.add(conn, ended)

        await self._store.write(unit)
        return problem

    def _keep_exchanges(self, conn: Connection, exchanges: Sequence[Prepared | RawExchange], run_id: str) -> None:
        for exchange in exchanges:
            self._evidence.append(conn, exchange, subject=run_id)

    def _platform(self, channel: str) -> NonTaxPlatform:
        try:
            found = self._base.channels.get(channel)
        except KeyError:
            raise NotFoundProblem(say("reconciliation.no_channel", channel=channel), field="channel") from None
        if "statement" not in found.info.capabilities:
            raise ConflictProblem(
                say("reconciliation.no_statements", channel=channel), type="no-statements", field="channel"
            )
        platform: NonTaxPlatform = found.adapter
        return platform


class NotMadeYetProblem(UnavailableProblem):
    """The platform is there and has not made the day's statement yet: no failure of anybody, it is asked again."""

    type = "statement-unavailable"


def _told_nothing(error: StatementRefusedError | ExchangeError) -> Problem:
    """What the caller is told when there is no statement to work with."""
    if isinstance(error, BusyError):
        return NotMadeYetProblem(say("reconciliation.not_yet", error=error))
    if isinstance(error, StatementRefusedError | ContractError):
        return ConflictProblem(
            say("files.refused", reason=said_of(error)),
            type="statement-refused",
            cure=error.what_to_do if isinstance(error, StatementRefusedError) else None,
        )
    return UnavailableProblem(
        say("reconciliation.not_had", error=error),
        type="statement-unavailable",
    )


def _believed(told: Statement, order: _Order, typed: Mapping[str, str] | None) -> Statement:
    """A statement without totals, by what the other side has told. Raises ConflictProblem, InvalidProblem."""
    made, beside = told.beside.made, told.beside
    if typed is None:
        unread, not_ours = len(beside.unread), len(beside.strangers)
        raise ConflictProblem(say("files.unconfirmed"), type="statement-unconfirmed", unread=unread, not_ours=not_ours)
    require_told(typed, made)
    paid, refunded = format_sum(made["amount"]), format_sum(made["refunded"])
    said = say("files.confirmed", count=made["count"], paid=paid, refunded=refunded, by=order.by)
    return replace(told, beside=replace(beside, remarks=(*beside.remarks, said)))
