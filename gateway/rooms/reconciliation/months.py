"""The month: its balance statement 余额调节表, its reports, and its close 月结, which freezes what was signed.

Frozen are the month's statements, runs and books. Differences that stood open at the close are named in the signed
figures and dealt with afterwards, as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import Person
from gateway.rooms.reconciliation import continuity_records, month_records, run_records
from gateway.rooms.reconciliation.balance import REPORT_KEY, Balance, canonical, month_days
from gateway.rooms.reconciliation.balance_records import balance_between
from gateway.rooms.reconciliation.breaks import Remember, cleaned, forget
from gateway.rooms.reconciliation.month_records import MonthClose
from gateway.rooms.reconciliation.report import Kind, Report
from gateway.rooms.reconciliation.report_files import to_json
from gateway.rooms.reconciliation.report_tables import Gathering
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.states import MonthState
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan


class Months:
    """Balance, report, close, and open again by two people. ``window``: a channel's day as instants.

    Emits ``month.closed``, ``month.reopening`` and ``month.reopened``.
    """

    def __init__(self, base: Foundation, window: Callable[[str, date], Window]) -> None:
        self._store = base.store
        self._events = base.events
        self._clock = base.clock
        self._keys = base.keys
        self._window = window

    async def balance(self, channel: str, month: str) -> Balance:
        """The balance statement of a month: as signed if it is closed, else as it stands. Raises InvalidProblem."""
        first, last = month_days(month)

        def query(conn: Connection) -> Balance:
            close = month_records.fetch_of_month(conn, channel, month)
            if close is not None:
                return close.balance
            return balance_between(conn, channel, first, last, self._window)

        return await self._store.read(query)

    async def report(
        self,
        kind: Kind,
        channel: str,
        first: date,
        last: date,
        *,
        authorities: Collection[str] | None = None,
    ) -> Report:
        """A report over these days; ``authorities`` narrows what belongs to somebody. Raises InvalidProblem."""
        now = self._clock.now()
        return await self._store.read(
            lambda conn: Gathering(conn, self._window, now).report(kind, channel, first, last, authorities)
        )

    def signed(self, made: Report) -> dict[str, Any]:
        """A report as signed JSON."""
        return to_json(made, self._keys)

    async def close(self, channel: str, month: str, *, by: Person, remember: Remember = forget) -> MonthClose:
        """Close and freeze a month: signed, and only two people with a reason can open it again. The close.

        Raises ConflictProblem ``month-not-over``, ``month-incomplete`` (days without a final run),
        ``month-not-balanced`` (differences that no break names, days that do not follow from each other),
        ``month-closed``.
        """
        first, last = month_days(month)
        now = to_micros(self._clock.now())
        if now < self._window(channel, last).end:
            raise ConflictProblem(f"{month} is not over", type="month-not-over")
        close_id = new_id("cls")

        def unit(conn: Connection) -> MonthClose:
            if month_records.fetch_of_month(conn, channel, month) is not None:
                raise ConflictProblem(f"{month} is closed for {channel}", type="month-closed")
            _complete(conn, channel, first, last)
            found = balance_between(conn, channel, first, last, self._window)
            _balanced(found)
            figures = found.figures()
            body = canonical(figures)
            close = MonthClose(
                id=close_id,
                channel=channel,
                month=month,
                state=MonthState.CLOSED,
                figures=figures,
                digest=sm3(body),
                signature=self._keys.sign(REPORT_KEY, body),
                closed_by=by.id,
                closed_name=by.name,
                closed_at=now,
            )
            month_records.add(conn, close)
            self._tell(conn, "month.closed", close, by, digest=close.digest.hex())
            remember(conn, close_id)
            return close

        try:
            return await self._store.write(unit)
        except IntegrityError as error:
            raise ConflictProblem(f"{month} is closed for {channel}", type="month-closed") from error

    async def ask_to_reopen(self, close_id: str, reason: str, *, by: Person, remember: Remember = forget) -> MonthClose:
        """Ask to open a closed month again.

        Raises NotFoundProblem, InvalidProblem, ConflictProblem ``month-not-closed``.
        """
        words = cleaned(reason)

        def unit(conn: Connection) -> MonthClose:
            close = month_records.held(conn, close_id)
            asked = replace(close, state=MonthState.REOPENING, asked_by=by.id, asked_name=by.name, reason=words)
            if close.state is not MonthState.CLOSED or not month_records.change(conn, close, asked):
                raise _not(close, "closed")
            self._tell(conn, "month.reopening", asked, by)
            remember(conn, close_id)
            return asked

        return await self._store.write(unit)

    async def confirm_reopening(self, close_id: str, *, by: Person, remember: Remember = forget) -> MonthClose:
        """Open the month as the second person. Raises NotFoundProblem, ConflictProblem."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> MonthClose:
            close = month_records.held(conn, close_id)
            if close.state is MonthState.REOPENING and close.asked_by == by.id:
                raise ConflictProblem(
                    "who asked for it cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm 复核.",
                )
            opened = replace(
                close, state=MonthState.REOPENED, reopened_by=by.id, reopened_name=by.name, reopened_at=now
            )
            if close.state is not MonthState.REOPENING or not month_records.change(conn, close, opened):
                raise _not(close, "waiting to be reopened")
            self._tell(conn, "month.reopened", opened, by)
            remember(conn, close_id)
            return opened

        return await self._store.write(unit)

    async def held(self, close_id: str) -> MonthClose:
        """One close. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: month_records.held(conn, close_id))

    async def closed(self, channel: str, month: str) -> MonthClose | None:
        """The close of a month that still holds."""
        return await self._store.read(lambda conn: month_records.fetch_of_month(conn, channel, month))

    async def find(self, channels: Collection[str], *, before: str | None = None, limit: int = 50) -> list[MonthClose]:
        """Closes of these channels, newest first, those that were reopened as well."""
        return await self._store.read(lambda conn: month_records.find(conn, channels, before=before, limit=limit))

    def _tell(self, conn: Connection, type: str, close: MonthClose, by: Person, **more: str) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=close.id,
            authority="",
            data={"channel": close.channel, "month": close.month, "by": by.name, **more},
        )


def refuse_frozen(conn: Connection, channel: str, day: date) -> None:
    """Raises ConflictProblem ``month-closed`` where the day's month is closed."""
    month = month_records.month_of(day)
    if month_records.fetch_of_month(conn, channel, month) is not None:
        raise ConflictProblem(
            f"{month} is closed for {channel}",
            type="month-closed",
            cure="Have the month reopened by two people, with a reason.",
        )


def _complete(conn: Connection, channel: str, first: date, last: date) -> None:
    if missing := run_records.days_without_run(conn, channel, first, last):
        raise ConflictProblem(
            f"not reconciled: {', '.join(str(day) for day in missing)}",
            type="month-incomplete",
            cure="Reconcile these days, then close the month.",
        )
    if torn := continuity_records.torn_days(conn, channel, first, last):
        raise ConflictProblem(
            f"what lives at the end of {', '.join(str(day) for day in torn)} does not follow from the day before",
            type="month-not-balanced",
            cure="Reconcile these days again: each then has a break that names the difference.",
        )


def _balanced(found: Balance) -> None:
    if not found.balanced:
        raise ConflictProblem(
            f"{len(found.unexplained)} differences have no break, adjusted books and statement are "
            f"{format_yuan(abs(found.adjusted_books - found.adjusted_statements))} apart",
            type="month-not-balanced",
            cure="Reconcile the days of these differences again: "
            + ", ".join(f"{one.code} {one.bank_serial}" for one in found.unexplained[:5]),
        )


def _not(close: MonthClose, state: str) -> ConflictProblem:
    return ConflictProblem(f"{close.month} is {close.state}, not {state}", type="month-not-closed")
