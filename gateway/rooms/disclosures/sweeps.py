"""What comes round by the clock: alarms about what is late, the end of what is over, deadlines that became certain."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.planning import Planning
from gateway.rooms.disclosures.states import Status

SWEPT_AT_ONCE = 500


def sweep(conn: Connection, effects: Effects, planning: Planning, today: date, now: int) -> int:
    """Look at everything that a day changes; how many disclosures did."""
    changed = 0
    for one in records.provisional(conn, SWEPT_AT_ONCE):
        last = planning.deadline_of(one)
        if (last.on, last.provisional) != (one.submit_by_on, one.submit_by_provisional):
            records.change(conn, one.id, now, submit_by_on=last.on, submit_by_provisional=last.provisional)
            effects.tell(conn, one, "deadline", submit_by_on=str(last.on), provisional=last.provisional)
            changed += 1
    for one in records.late_submissions(conn, today, SWEPT_AT_ONCE):
        effects.alarm_late(conn, one, now)
        changed += 1
    for one in records.late_withdrawals(conn, today, SWEPT_AT_ONCE):
        records.change(conn, one.id, now, withdraw_late_at=now)
        effects.tell(conn, one, "withdrawal_late", withdraw_by_on=str(one.withdraw_by_on))
        changed += 1
    for one in records.over(conn, today, SWEPT_AT_ONCE):
        changed += effects.move(conn, one, Status.ENDED, publish_until_on=one.publish_until_on)
    return changed
