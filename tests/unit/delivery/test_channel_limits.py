"""What a channel bears, kept by all nodes together: rate, concurrency, circuit, hours in which a platform is closed."""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from gateway.foundation.channels import ChannelKeys, QuietHours, _validated
from gateway.foundation.delivery import limits
from gateway.foundation.delivery.tables import (
    channel_condition,
)
from gateway.words.clock import SHANGHAI
from gateway.words.errors import SettingsError

NIGHT = (QuietHours(time(22, 30), time(0, 30)),)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-09-16T22:29:59", None),
        ("2026-09-16T22:30:00", "2026-09-17T00:30:00"),
        ("2026-09-17T00:29:59", "2026-09-17T00:30:00"),
        ("2026-09-17T00:30:00", None),
    ],
)
def test_a_night_that_crosses_midnight_ends_when_it_says(now, until):
    assert limits.closed_until(NIGHT, at(now)) == (None if until is None else at(until))


def test_hours_that_touch_are_one_night():
    hours = (QuietHours(time(22), time(23)), QuietHours(time(23), time(1)))
    assert limits.closed_until(hours, at("2026-09-16T22:10:00")) == at("2026-09-17T01:00:00")


@given(st.lists(st.tuples(st.times(), st.times()).filter(lambda two: two[0] != two[1]), max_size=4), st.datetimes())
def test_what_is_closed_opens_later_than_now(hours, now):
    moment = now.replace(year=2026, tzinfo=SHANGHAI) if (now.month, now.day) != (2, 29) else at("2026-03-01T00:00:00")
    until = limits.closed_until(tuple(QuietHours(*two) for two in hours), moment)
    assert until is None or until > moment


@pytest.mark.parametrize("wrong", ["22:30", "22:30-22:30", "25:00-26:00", "night"])
def test_hours_that_are_none_stop_the_start(wrong):
    with pytest.raises(SettingsError, match="quiet"):
        _validated("channels.nontax", ChannelKeys, {"quiet": [wrong]})


@pytest.mark.both_databases
async def test_the_rate_is_kept_by_all_who_ask_at_once(store):
    keys = ChannelKeys(rate=20, burst=3)
    await store.write_apart(lambda conn: limits.add_channels(conn, ["a"], 0))
    waits = await asyncio.gather(
        *(store.write_apart(lambda conn: limits.take_slot(conn, "a", keys, 10)) for _ in range(13))
    )
    waits = sorted(waits)
    assert waits[:3] == [0, 0, 0]
    assert 0.3 < waits[-1] <= 0.5  # ten more at twenty a second


async def test_a_slot_that_lies_too_far_off_is_not_taken(store):
    keys = ChannelKeys(rate=1)
    await store.write_apart(lambda conn: limits.add_channels(conn, ["a"], 0))
    first, second, third = [
        await store.write_apart(lambda conn: limits.take_slot(conn, "a", keys, 1.0)) for _ in range(3)
    ]
    assert first == 0
    assert second is not None
    assert third is None


async def test_the_circuit_opens_after_failures_in_a_row_lets_one_probe_through_and_closes(store):
    keys = ChannelKeys(circuit_failures=3, circuit_seconds=60)
    await store.write_apart(lambda conn: limits.add_channels(conn, ["a"], 0))
    for _ in range(2):
        await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys))
    await store.write_apart(lambda conn: limits.note_success(conn, "a"))
    for _ in range(2):
        await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys))
    assert (await store.read(lambda conn: limits.condition(conn, "a"))).open_until is None
    await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys))
    opened = await store.read(lambda conn: limits.condition(conn, "a"))
    assert opened.open_until is not None
    assert opened.open_until > opened.read_at
    assert not await store.write_apart(lambda conn: limits.take_probe(conn, "a"))
    await store.write(
        lambda conn: conn.execute(update(channel_condition).values(open_until_at=opened.read_at - 1)).rowcount
    )
    tries = await asyncio.gather(*(store.write_apart(lambda conn: limits.take_probe(conn, "a")) for _ in range(4)))
    assert sorted(tries) == [False, False, False, True]
    await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys))
    again = await store.read(lambda conn: limits.condition(conn, "a"))
    assert again.open_until is not None
    assert again.open_until > again.read_at
    assert again.probe_until is None
    await store.write_apart(lambda conn: limits.note_success(conn, "a"))
    assert (await store.read(lambda conn: limits.condition(conn, "a"))).clear


async def test_what_people_are_told_names_the_channel_and_the_time(store):
    keys = {"a": ChannelKeys(circuit_failures=1), "b": ChannelKeys(quiet=("22:30-00:30",))}
    await store.write_apart(lambda conn: limits.add_channels(conn, ["a"], 0))
    await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys["a"]))
    said = await store.read(lambda conn: limits.notes(conn, keys, at("2026-09-16T23:00:00")))
    assert said[0].startswith("channel a does not answer (1 attempts in a row)")
    assert said[1] == "channel b is closed until 2026-09-17T00:30:00+08:00 日切停服"
    assert await store.read(lambda conn: limits.notes(conn, keys, at("2026-09-16T12:00:00"))) == said[:1]


async def test_a_stopped_channel_let_go_has_its_circuit_closed(store):
    keys = ChannelKeys(circuit_failures=1)
    await store.write_apart(lambda conn: limits.add_channels(conn, ["a"], 0))
    await store.write_apart(lambda conn: limits.note_failure(conn, "a", keys))
    assert await store.write_apart(lambda conn: limits.stop_channel(conn, "a", "401", 1))
    assert await store.read(limits.stopped_channels) == {"a": "401"}
    assert not await store.write_apart(lambda conn: limits.stop_channel(conn, "a", "403", 2)), "it is stopped already"
    assert await store.read(limits.stopped_channels) == {"a": "401"}
    await store.write_apart(lambda conn: limits.resume_channel(conn, "a", 3))
    assert (await store.read(lambda conn: limits.condition(conn, "a"))).clear


def test_one_second_before_the_night_is_not_yet_night():
    assert limits.closed_until(NIGHT, at("2026-09-16T22:30:00") - timedelta(microseconds=1)) is None
