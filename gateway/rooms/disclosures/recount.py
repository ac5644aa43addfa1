"""Last days to publish and to withdraw, counted anew when days off have become known or were corrected."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.deadlines import Deadline
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.planning import Planning
from gateway.rooms.disclosures.records import NOT_LIVE, Change, Disclosure
from gateway.rooms.disclosures.states import UNPUBLISHED


def recount(conn: Connection, effects: Effects, planning: Planning, disclosure_id: str, now: int) -> bool:
    """Count the last days of one disclosure anew; tells ``disclosure.deadline`` of each that moved, and whether any."""
    one, moved = effects.lock(conn, disclosure_id), False
    if one.status in UNPUBLISHED:
        last = planning.deadline_of(one)
        if (last.on, last.provisional) != (one.submit_by_on, one.submit_by_provisional):
            told = one.due_soon_days if last.on == one.submit_by_on else None  # another day is told of anew
            changed = Change(submit_by_on=last.on, submit_by_provisional=last.provisional, due_soon_days=told)
            records.change(conn, one.id, now, **changed)
            _tell(conn, effects, one, "submit_by_on", one.submit_by_on, last)
            moved = True
    if one.withdraw_reason_on is not None and one.withdraw_wanted_at is not None and one.status.value not in NOT_LIVE:
        last = effects.withdraw_by(one, one.withdraw_reason_on)
        if (last.on, last.provisional) != (one.withdraw_by_on, one.withdraw_by_provisional):
            told = one.withdraw_due_soon_days if last.on == one.withdraw_by_on else None
            changed = Change(
                withdraw_by_on=last.on, withdraw_by_provisional=last.provisional, withdraw_due_soon_days=told
            )
            records.change(conn, one.id, now, **changed)
            _tell(conn, effects, one, "withdraw_by_on", one.withdraw_by_on, last)
            moved = True
    return moved


def _tell(conn: Connection, effects: Effects, one: Disclosure, name: str, was: date | None, last: Deadline) -> None:
    days = {name: str(last.on), f"{name}_before": None if was is None else str(was)}
    effects.tell(conn, one, "deadline", **days, provisional=last.provisional)
