"""Codes counted at each cut-off: what lived the day before, and what came and went since, must be what lives now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.payments.tables import payment, payment_code
from gateway.rooms.reconciliation.matching import BreakKind
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.states import BreakState
from gateway.rooms.reconciliation.tables import breaks, channel_day


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """Codes of a channel on a day that began to live, ended, and live at the cut-off: how many, and fen.

    Each is counted by itself; ``counted_at`` in microseconds.
    """

    channel: str
    day_on: date
    issued: int
    issued_amount: int
    closed: int
    closed_amount: int
    open: int
    open_amount: int
    counted_at: int

    def expected(self, before: ChannelDay) -> tuple[int, int]:
        """How many codes, and fen, must live at this cut-off if ``before`` is right about the last one."""
        return (
            before.open + self.issued - self.closed,
            before.open_amount + self.issued_amount - self.closed_amount,
        )

    def follows(self, before: ChannelDay) -> bool:
        """Whether what lives at this cut-off is what must."""
        return self.expected(before) == (self.open, self.open_amount)


_read = reader(ChannelDay)


def count(conn: Connection, channel: str, day: date, days: Window, now: int) -> ChannelDay:
    """Count the codes of a day; ``days`` is that day as instants."""
    issued, closed = payment_code.c.issued_at, payment_code.c.closed_at

    def number(*conditions: ColumnElement[bool]) -> tuple[int, int]:
        query = (
            select(func.count(), func.coalesce(func.sum(payment.c.amount), 0))
            .select_from(payment_code)
            .join(payment, payment.c.id == payment_code.c.payment_id)
            .where(payment_code.c.channel == channel, issued.is_not(None), *conditions)
        )
        many, amount = conn.execute(query).one()
        return int(many), int(amount)

    return ChannelDay(
        channel,
        day,
        *number(issued >= days.start, issued < days.end),
        *number(closed >= days.start, closed < days.end),
        *number(issued < days.end, or_(closed.is_(None), closed >= days.end)),
        counted_at=now,
    )


def fetch(conn: Connection, channel: str, day: date) -> ChannelDay | None:
    """What was counted for a day."""
    query = select(channel_day).where(channel_day.c.channel == channel, channel_day.c.day_on == day)
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def keep(conn: Connection, counted: ChannelDay) -> None:
    """Keep what was counted, in place of an earlier count."""
    same = and_(channel_day.c.channel == counted.channel, channel_day.c.day_on == counted.day_on)
    values = columns(counted)
    if conn.execute(update(channel_day).where(same).values(**values)).rowcount == 0:
        conn.execute(insert(channel_day), values)


def torn_days(conn: Connection, channel: str, first: date, last: date) -> list[date]:
    """Days whose open codes do not follow from the day before, and that no break of continuity names."""
    query = select(channel_day).where(
        channel_day.c.channel == channel, channel_day.c.day_on.between(first - timedelta(days=1), last)
    )
    days = {one.day_on: one for one in map(_read, conn.execute(query).mappings())}
    named = select(breaks.c.day_on).where(
        breaks.c.channel == channel,
        breaks.c.kind == BreakKind.CONTINUITY.value,
        breaks.c.state.in_((BreakState.OPEN.value, BreakState.RESOLVED.value)),
        breaks.c.day_on.between(first, last),
    )
    known = set(conn.execute(named).scalars())
    return [
        day
        for day, one in sorted(days.items())
        if day not in known and (before := days.get(day - timedelta(days=1))) is not None and not one.follows(before)
    ]
