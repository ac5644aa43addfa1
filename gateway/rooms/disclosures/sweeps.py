"""What comes round by the clock: what is due soon, and alarms about what is late.

Each word is said once: what was said is kept with the disclosure, in the transaction that says it. Only what is open is
looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import Connection

from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.records import Disclosure, Window
from gateway.rooms.disclosures.states import Status
from gateway.words.calendar import WorkingCalendar

SWEPT_AT_ONCE = 500
JUDGED_AT_ONCE = 100
"""Judging opens the facts of each: fewer, so that nobody else waits long for the store."""


def windows(days: Sequence[int], today: date, calendar: WorkingCalendar) -> tuple[Window, ...]:
    """The last days that are told of today: of so many working days before, the nearest first; no day is in two."""
    made: list[Window] = []
    for one in sorted(set(days)):
        first = made[-1].last + timedelta(days=1) if made else today
        made.append(Window(one, first, calendar.add_working_days(today, one).value))
    return tuple(made)


def missed(conn: Connection, effects: Effects, disclosure_id: str, today: date, now: int) -> None:
    """Raise the alarm about a last day that was missed before anybody looked: it has come about only now."""
    one = effects.lock(conn, disclosure_id)
    shown_on = one.published_on
    if shown_on is not None and one.submit_by_on is not None and shown_on > one.submit_by_on and one.late_at is None:
        effects.alarm_late(conn, one, now)
    if one.status is Status.WITHDRAWN and one.withdraw_by_on is not None and today > one.withdraw_by_on:
        _withdrawn_late(conn, effects, one, now)


def _withdrawn_late(conn: Connection, effects: Effects, one: Disclosure, now: int) -> None:
    if one.withdraw_late_at is None:
        records.change(conn, one.id, now, withdraw_late_at=now)
        effects.tell(conn, one, "withdrawal_late", withdraw_by_on=str(one.withdraw_by_on))


def sweep(conn: Connection, effects: Effects, near: Sequence[Window], today: date, now: int) -> int:
    """Look at everything that a day changes, so many at once; how many disclosures did.

    ``near``: as ``windows`` gives them.
    """
    changed = 0
    for one in records.late_submissions(conn, today, SWEPT_AT_ONCE):
        effects.alarm_late(conn, one, now)
        changed += 1
    for one in records.late_to_pass_on(conn, today, SWEPT_AT_ONCE):
        records.change(conn, one.id, now, pass_on_late_at=now)
        effects.tell(conn, one, "pass_on_late", pass_on_by_on=str(one.pass_on_by_on), status=one.status.value)
        changed += 1
    for one in records.late_withdrawals(conn, today, SWEPT_AT_ONCE):
        _withdrawn_late(conn, effects, one, now)
        changed += 1
    for window in near:
        for one in records.due_publications(conn, window, SWEPT_AT_ONCE):
            records.change(conn, one.id, now, due_soon_days=window.days)
            effects.tell(
                conn, one, "due_soon", due="publication", last_day=str(one.submit_by_on), working_days=window.days
            )
            changed += 1
        for one in records.due_withdrawals(conn, window, SWEPT_AT_ONCE):
            records.change(conn, one.id, now, withdraw_due_soon_days=window.days)
            effects.tell(
                conn, one, "due_soon", due="withdrawal", last_day=str(one.withdraw_by_on), working_days=window.days
            )
            changed += 1
    return changed
