"""The month: its balance statement 余额调节表, its reports, and its close 月结, which freezes what was signed.

Frozen are the month's statements, runs and books. Differences that stood open at the close are named in the signed
figures and dealt with afterwards, as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Part, Person, require_operator
from gateway.rooms.decisions import Clocks
from gateway.rooms.reconciliation import continuity_records, month_records, run_records
from gateway.rooms.reconciliation.balance import REPORT_KEY, Balance, canonical, month_days
from gateway.rooms.reconciliation.balance_records import balance_between
from gateway.rooms.reconciliation.breaks import cleaned
from gateway.rooms.reconciliation.month_records import MonthClose
from gateway.rooms.reconciliation.report import Kind, Report
from gateway.rooms.reconciliation.report_files import to_json
from gateway.rooms.reconciliation.report_tables import Clocked, Gathering
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.states import MONTHS, MonthState
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_sum, format_yuan
from gateway.words.saying import say


class Months:
    """Balance, report, close, and open again by two operators. ``window``: a channel's day as instants.

    ``clocks_of``: the clocks of a decision by its id, in the caller's transaction.
    """

    def __init__(
        self,
        base: Foundation,
        window: Callable[[str, date], Window],
        clocks_of: Callable[[Connection, str], Clocks],
    ) -> None:
        self._base = base
        self._clocks_of = clocks_of
        self._store = base.store
        self._window = window
        self._life: Living[MonthState, MonthClose] = Living(
            MONTHS, base.events, base.clock, lambda close: {"channel": close.channel, "month": close.month}
        )

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
        now = self._base.clock.now()

        def gathered(conn: Connection) -> Report:
            clocks = Clocked(partial(self._clocks_of, conn), self._base.reckoning.of)
            return Gathering(conn, self._window, clocks, now).report(kind, channel, first, last, authorities)

        return await self._store.read(gathered)

    def signed(self, made: Report, by: str) -> dict[str, Any]:
        """A report as signed JSON, made by whom."""
        return to_json(made, self._base.keys, by)

    async def close(
        self, channel: str, month: str, *, by: Person, seen: str | None = None, once: Once = NEVER
    ) -> MonthClose:
        """Close and freeze a month: signed, and only two people with a reason can open it again. The close.

        ``seen``: the balance that whoever closes it was shown, if they were. Raises ConflictProblem ``month-not-over``,
        ``month-incomplete`` (days without a final run), ``month-not-balanced`` (differences that no break names, days
        that do not follow from each other), ``month-closed``, ``changed-since-seen``; Problem 403 for a case system.
        """
        require_operator(by, say("reconciliation.what_close"))
        first, last = month_days(month)
        now = to_micros(self._base.clock.now())
        if now < self._window(channel, last).end:
            raise ConflictProblem(say("reconciliation.not_over", month=month), type="month-not-over")
        close_id = new_id("cls")

        def unit(conn: Connection) -> MonthClose:
            if month_records.fetch_of_month(conn, channel, month) is not None:
                raise ConflictProblem(
                    say("reconciliation.closed_already", month=month, channel=channel), type="month-closed"
                )
            _complete(conn, channel, first, last)
            found = balance_between(conn, channel, first, last, self._window)
            self._as_seen(found, seen)
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
                signature=self._base.keys.sign(REPORT_KEY, body),
                closed_by=by.id,
                closed_name=by.name,
                closed_at=now,
            )
            month_records.add(conn, close)
            self._life.begin(conn, close, by=by.name, digest=close.digest.hex())
            return close

        try:
            return await self._store.write(once.about(close_id).first(unit))
        except IntegrityError as error:
            raise ConflictProblem(
                say("reconciliation.closed_already", month=month, channel=channel), type="month-closed"
            ) from error

    async def ask_to_reopen(self, close_id: str, reason: str, *, by: Person, once: Once = NEVER) -> MonthClose:
        """Ask to open a closed month again.

        Raises NotFoundProblem, InvalidProblem, ConflictProblem ``month-not-closed``; Problem 403 for a case system.
        """
        require_operator(by, say("reconciliation.what_reopen"))
        words = cleaned(reason)

        def unit(conn: Connection) -> MonthClose:
            close = month_records.held(conn, close_id)
            asked = {"asked_by": by.id, "asked_name": by.name, "reason": words}
            if not self._life.move(conn, close, MonthState.REOPENING, tell={"by": by.name}, **asked):
                raise _not(close, "closed")
            self._base.two_persons.took_part(conn, close_id, by, Part.PROPOSED)
            return month_records.held(conn, close_id)

        return await self._store.write(once.about(close_id).first(unit))

    async def confirm_reopening(self, close_id: str, *, by: Person, seen: str, once: Once = NEVER) -> MonthClose:
        """Open the month that was seen, as the second operator.

        Raises NotFoundProblem; ConflictProblem ``month-not-closed``, ``second-person-needed``, ``changed-since-seen``;
        Problem 403 for a case system.
        """
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> MonthClose:
            close = month_records.held(conn, close_id)
            if close.state is not MonthState.REOPENING:
                raise _not(close, "waiting to be reopened")
            agreed = {"reopened_by": by.id, "reopened_name": by.name, "reopened_at": now}
            enough = self._base.two_persons.confirm(conn, close_id, by, seen=seen, face=_face(close))
            if not (enough and self._life.move(conn, close, MonthState.REOPENED, tell={"by": by.name}, **agreed)):
                raise _not(close, "waiting to be reopened")
            return month_records.held(conn, close_id)

        return await self._store.write(once.about(close_id).first(unit))

    def seen(self, shown: MonthClose | Balance) -> str | None:
        """What is sent back by who has seen this: a month that waits to be reopened, or the balance to be closed."""
        if isinstance(shown, Balance):
            return self._base.two_persons.seen(_shown(shown.figures()))
        return self._base.two_persons.seen(_face(shown)) if shown.state is MonthState.REOPENING else None

    async def held(self, close_id: str) -> MonthClose:
        """One close. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: month_records.held(conn, close_id))

    async def closed(self, channel: str, month: str) -> MonthClose | None:
        """The close of a month that still holds."""
        return await self._store.read(lambda conn: month_records.fetch_of_month(conn, channel, month))

    async def find(self, channels: Collection[str], *, before: str | None = None, limit: int = 50) -> list[MonthClose]:
        """Closes of these channels, newest first, those that were reopened as well."""
        return await self._store.read(lambda conn: month_records.find(conn, channels, before=before, limit=limit))

    def _as_seen(self, found: Balance, seen: str | None) -> None:
        """Raises ConflictProblem where the balance is not what was seen of it."""
        if seen is not None:
            self._base.two_persons.require_seen(seen, _shown(found.figures()), "reconciliation.balance_changed")


def refuse_frozen(conn: Connection, channel: str, day: date) -> None:
    """Raises ConflictProblem ``month-closed`` where the day's month is closed."""
    month = month_records.month_of(day)
    if month_records.fetch_of_month(conn, channel, month) is not None:
        raise ConflictProblem(
            say("reconciliation.closed", month=month, channel=channel),
            type="month-closed",
        )


def _complete(conn: Connection, channel: str, first: date, last: date) -> None:
    """Raises ConflictProblem for days that are missing; what was before the channel began here is nobody's."""
    begin = run_records.began(conn, channel)
    if begin is not None and begin > last:
        raise ConflictProblem(say("reconciliation.before_began", channel=channel, first=begin), type="month-incomplete")
    first = first if begin is None else max(first, begin)
    if missing := run_records.days_without_run(conn, channel, first, last):
        raise ConflictProblem(
            say("reconciliation.days_missing", days=[str(day) for day in missing]),
            type="month-incomplete",
        )
    if torn := continuity_records.torn_days(conn, channel, first, last):
        raise ConflictProblem(
            say("reconciliation.days_torn", days=[str(day) for day in torn]),
            type="month-not-balanced",
        )


def _balanced(found: Balance) -> None:
    if not found.balanced:
        raise ConflictProblem(
            say(
                "reconciliation.not_balanced",
                number=len(found.unexplained),
                apart=format_yuan(abs(found.adjusted_books - found.adjusted_statements)),
                first=[f"{one.code} {one.bank_serial}" for one in found.unexplained[:5]],
            ),
            type="month-not-balanced",
        )


def _shown(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures with their sums in yuan, as people are shown them."""
    sums = ("books", "statements", "adjusted_books", "adjusted_statements", "amount")
    shown = {name: format_sum(value) if name in sums else value for name, value in figures.items()}
    return shown | {"items": [_shown(one) for one in figures.get("items", ())]} if "items" in figures else shown


def _face(close: MonthClose) -> dict[str, Any]:
    """What matters of a month that is to be opened again, by name."""
    return {
        "close": close.id,
        "channel": close.channel,
        "month": close.month,
        "balance": _shown(close.figures),
        "digest": close.digest,
        "reason": close.reason,
        "asked_by": close.asked_by,
    }


def _not(close: MonthClose, state: str) -> ConflictProblem:
    return ConflictProblem(
        say("reconciliation.month_state", month=close.month, state=close.state, wanted=state), type="month-not-closed"
    )
