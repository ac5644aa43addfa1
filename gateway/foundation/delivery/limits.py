"""What a channel may do now: stopped, closed for the night, its circuit, its rate. One row a channel, for all nodes.

Rows of ``channel_condition`` are hot: every node changes them all the time. Each change is one conditional statement,
run by ``Store.write_apart`` in a transaction of its own. Leases, rates and circuits run by the database's clock; hours
in which a platform is closed are civil time in Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, case, cast, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.channels import ChannelKeys, QuietHours
from gateway.foundation.delivery.tables import (
    channel_condition,
)
from gateway.foundation.store import database_clock
from gateway.words.clock import SHANGHAI, rfc3339

SECOND = 1_000_000
PROBE_SECONDS = 60.0
"""How long one probe may take until another node may try: longer than any call should last."""

_row = channel_condition.c
_OF = _row.channel == bindparam("of")
_NOW = database_clock()


def _later(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)


_CONDITIONS = select(
    _row.channel, _row.stopped, _row.reason, _row.failures, _row.open_until_at, _row.probe_until_at, _NOW.label("now")
)
_CONDITION = _CONDITIONS.where(_OF)
_SLOT = (
    update(channel_condition)
    .where(_OF, func.coalesce(_row.next_slot_at, 0) <= _NOW + bindparam("ahead"))
    .values(next_slot_at=_later(func.coalesce(_row.next_slot_at, 0), _NOW) + bindparam("interval"))
    .returning(_row.next_slot_at, _NOW.label("now"))
)
_FAILURE = (
    update(channel_condition)
    .where(_OF)
    .values(
        failures=_row.failures + 1,
        probe_until_at=None,
        open_until_at=case(
            (
                or_(_row.failures + 1 >= bindparam("most", type_=Integer), _row.open_until_at.is_not(None)),
                _NOW + bindparam("pause"),
            ),
            else_=cast(None, _row.open_until_at.type),
        ),
        updated_at=_NOW,
    )
)
_SUCCESS = (
    update(channel_condition)
    .where(_OF, or_(_row.failures > 0, _row.open_until_at.is_not(None)))
    .values(failures=0, open_until_at=None, probe_until_at=None, updated_at=_NOW)
)
_PROBE = (
    update(channel_condition)
    .where(_OF, _row.open_until_at <= _NOW, or_(_row.probe_until_at.is_(None), _row.probe_until_at <= _NOW))
    .values(probe_until_at=_NOW + bindparam("lease"), updated_at=_NOW)
)
_HOLD = select(_row.channel).where(_OF).with_for_update()


@dataclass(frozen=True)
class Condition:
    """A channel's row as it was read. Microseconds by the database's clock, ``read_at`` too."""

    stopped: str | None = None
    failures: int = 0
    open_until: int | None = None
    probe_until: int | None = None
    read_at: int = 0

    @property
    def troubled(self) -> bool:
        """Whether a success is worth writing down."""
        return self.failures > 0 or self.open_until is not None

    @property
    def clear(self) -> bool:
        """Whether calls may begin without asking further."""
        return self.stopped is None and self.open_until is None


def add_channels(conn: Connection, channels: list[str], now: int) -> None:
    """Make the rows of channels that have none yet."""
    made = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(channel_condition)
    for name in sorted(channels):
        conn.execute(made.on_conflict_do_nothing(), {"channel": name, "updated_at": now})


def condition(conn: Connection, channel: str) -> Condition:
    """How a channel stands."""
    found = conn.execute(_CONDITION, {"of": channel}).first()
    return Condition() if found is None else _condition(*found)[1]


def conditions(conn: Connection) -> dict[str, Condition]:
    """How each channel stands that ever stood otherwise than well."""
    return dict(_condition(*found) for found in conn.execute(_CONDITIONS))


def _condition(
    channel: str, stopped: bool, reason: str | None, failures: int, open_until: int | None, probe: int | None, now: int
) -> tuple[str, Condition]:
    """A channel and how it stands, from the columns of ``_CONDITIONS``."""
    why = (reason or "no reason given") if stopped else None
    return channel, Condition(why, failures, open_until, probe, now)


def stop_channel(conn: Connection, channel: str, reason: str, now: int) -> bool:
    """Stop a channel with a reason; False when it was stopped before, and stays so for the reason given then."""
    values: dict[str, Any] = {"stopped": True, "reason": reason, "updated_at": now}
    return _put(conn, channel, values, _row.stopped.is_(False))


def resume_channel(conn: Connection, channel: str, now: int) -> None:
    """Let a stopped channel go again, its circuit closed."""
    values = {"stopped": False, "reason": None, "updated_at": now}
    _put(conn, channel, values | {"failures": 0, "open_until_at": None, "probe_until_at": None})


def resume_stopped(conn: Connection, channel: str, now: int) -> str | None:
    """Let a channel go again if it was stopped; why it was, or None."""
    reason = stopped_channels(conn).get(channel)
    if reason is not None:
        resume_channel(conn, channel, now)
    return reason


def _put(conn: Connection, channel: str, values: dict[str, Any], where: ColumnElement[bool] | None = None) -> bool:
    made = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(channel_condition)
    put = made.on_conflict_do_update(index_elements=["channel"], set_=values, where=where)
    return conn.execute(put, {"channel": channel, **values}).rowcount == 1


def stopped_channels(conn: Connection) -> dict[str, str]:
    """Stopped channels and why."""
    return {name: one.stopped for name, one in conditions(conn).items() if one.stopped is not None}


def take_slot(conn: Connection, channel: str, keys: ChannelKeys, patience: float) -> float | None:
    """The rate, as GCRA: seconds to wait until the slot that was taken; None when it lies beyond ``patience`` seconds.

    ``rate`` slots a second on average, ``burst`` of them at once.
    """
    assert keys.rate is not None
    interval = max(1, round(SECOND / keys.rate))
    tolerance = interval * (keys.burst - 1)
    ahead = tolerance + int(patience * SECOND)
    taken = conn.execute(_SLOT, {"of": channel, "ahead": ahead, "interval": interval}).first()
    if taken is None:
        return None
    return max(0, int(taken.next_slot_at) - interval - tolerance - int(taken.now)) / SECOND


def note_failure(conn: Connection, channel: str, keys: ChannelKeys) -> None:
    """One more attempt in a row without an answer; enough of them open the circuit, and a failed probe again."""
    pause = int(keys.circuit_seconds * SECOND)
    conn.execute(_FAILURE, {"of": channel, "most": keys.circuit_failures, "pause": pause})


def note_success(conn: Connection, channel: str) -> None:
    """The other side answers: the circuit is closed."""
    conn.execute(_SUCCESS, {"of": channel})


def take_probe(conn: Connection, channel: str) -> bool:
    """Whether this node may try one call through an open circuit whose pause is over."""
    return conn.execute(_PROBE, {"of": channel, "lease": int(PROBE_SECONDS * SECOND)}).rowcount == 1


def hold(conn: Connection, channel: str) -> None:
    """Let nobody else count and claim for this channel until the transaction ends."""
    conn.execute(_HOLD, {"of": channel})


def notes(conn: Connection, channels: Mapping[str, ChannelKeys], now: datetime) -> list[str]:
    """What keeps which channel from working as usual, for people: stopped, closed for the night, circuit open."""
    said = []
    known = conditions(conn)
    for name in dict.fromkeys((*channels, *known)):
        one = known.get(name, Condition())
        if one.stopped is not None:
            said.append(f"channel {name} is stopped: {one.stopped}")
        elif one.open_until is not None:
            left = max(0, one.open_until - one.read_at) / SECOND
            tried = f"tried again in {left:.0f} s" if left else "one call is trying it"
            said.append(f"channel {name} does not answer ({one.failures} attempts in a row): {tried}")
        closed = closed_until(channels[name].quiet, now) if name in channels else None
        if closed is not None:
            said.append(f"channel {name} is closed until {rfc3339(closed)} 日切停服")
    return said


def closed_until(quiet: tuple[QuietHours, ...], now: datetime) -> datetime | None:
    """When the hours end in which a platform is closed 日切停服; None when it is open. Windows may touch."""
    here = now.astimezone(SHANGHAI)
    end: datetime | None = None
    for _ in range(len(quiet) + 1):
        later = [until for one in quiet if (until := _end(one, end or here)) is not None]
        if not later:
            break
        end = max(later)
    return end


def _end(window: QuietHours, at: datetime) -> datetime | None:
    start, stop = (datetime.combine(at.date(), one, SHANGHAI) for one in (window.begins, window.ends))
    if start < stop:
        return stop if start <= at < stop else None
    if at >= start:
        return stop + timedelta(days=1)
    return stop if at < stop else None
