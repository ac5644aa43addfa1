"""Which slot of which schedule was taken, by whom, and whether its duty has ended: the SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from gateway.foundation.delivery.tables import schedule_run
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import reader


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """One slot that a node has taken. ``done_at`` None: under way, failed, or died under way. Microseconds."""

    name: str
    slot_at: int
    node: str
    ran_at: int
    done_at: int | None


_run = reader(ScheduleRun)
_MINE = update(schedule_run).where(
    schedule_run.c.name == bindparam("of"), schedule_run.c.slot_at == bindparam("at_slot")
)
_RETAKE = _MINE.where(schedule_run.c.ran_at == bindparam("was"), schedule_run.c.done_at.is_(None))


def take(conn: Connection, *, name: str, slot: int, node: str, now: int) -> bool:
    """Take a slot; False when some node has it."""
    return insert_new(conn, schedule_run, name=name, slot_at=slot, node=node, ran_at=now)


def end(conn: Connection, name: str, slot: int, now: int) -> None:
    """The duty of a slot has ended."""
    conn.execute(_MINE, {"of": name, "at_slot": slot, "done_at": now})


def retake(conn: Connection, seen: ScheduleRun, node: str, now: int) -> bool:
    """Take a slot whose duty has not ended; False when another one was faster."""
    values = {"of": seen.name, "at_slot": seen.slot_at, "was": seen.ran_at, "node": node, "ran_at": now}
    return conn.execute(_RETAKE, values).rowcount == 1


def unfinished(conn: Connection, since: int) -> list[ScheduleRun]:
    """Slots after an instant whose duty has begun and not ended."""
    query = select(schedule_run).where(schedule_run.c.done_at.is_(None), schedule_run.c.slot_at > since)
    return [_run(row) for row in conn.execute(query).mappings()]


def last_slot(conn: Connection, name: str, until: int) -> int | None:
    """The newest slot of a schedule that was taken, not later than ``until``."""
    query = select(func.max(schedule_run.c.slot_at)).where(schedule_run.c.name == name, schedule_run.c.slot_at <= until)
    found: int | None = conn.execute(query).scalar_one_or_none()
    return found
