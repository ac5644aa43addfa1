"""Instants survive every conversion exactly, and a time without a zone is never accepted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.words.clock import (
    SHANGHAI,
    Drift,
    ManualClock,
    SystemClock,
    day_of,
    from_micros,
    parse_rfc3339,
    rfc3339,
    start_of,
    to_micros,
)

instants = st.datetimes(datetime(1900, 1, 2), datetime(9000, 1, 1), timezones=st.sampled_from([UTC, SHANGHAI]))  # noqa: DTZ001


@given(instants)
@example(datetime(1900, 12, 31, 23, 54, 17, tzinfo=SHANGHAI))  # shown twice, when local mean time ended
@example(datetime(1988, 9, 11, 1, 30, tzinfo=SHANGHAI))  # shown twice, when summer time ended
@example(datetime(1988, 9, 11, 1, 30, tzinfo=SHANGHAI, fold=1))
def test_an_instant_survives_the_database_and_the_wire_to_the_microsecond(instant: datetime) -> None:
    # In UTC: between zones Python calls a time that the zone's clocks showed twice unequal to every other (PEP 495).
    meant = instant.astimezone(UTC)
    assert from_micros(to_micros(instant)) == meant
    assert parse_rfc3339(rfc3339(instant)) == meant
    assert rfc3339(instant).endswith("+08:00")


@given(st.dates(date(1900, 1, 2), date(9000, 1, 1)))
def test_a_day_begins_at_its_first_instant_in_shanghai_and_not_before(day: date) -> None:
    assert day_of(start_of(day)) == day
    assert day_of(start_of(day) - timedelta(microseconds=1)) == day - timedelta(days=1)


def test_the_evening_in_utc_is_already_tomorrow_in_shanghai() -> None:
    assert day_of(datetime(2026, 3, 31, 16, 0, tzinfo=UTC)) == date(2026, 4, 1)
    assert rfc3339(datetime(2026, 3, 31, 16, 0, tzinfo=UTC)) == "2026-04-01T00:00:00+08:00"


def test_old_summer_time_does_not_change_the_offset_written() -> None:
    assert rfc3339(datetime(1988, 7, 1, 0, 0, tzinfo=UTC)) == "1988-07-01T08:00:00+08:00"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T09:30:00",
        "2026-03-01 09:30:00+08:00",
        "2026-03-01T09:30+08:00",
        "2026-03-01T09:30:00+0800",
        "2026-03-01T09:30:00.1234567+08:00",
        "2026-02-30T09:30:00+08:00",
        "2026-03-01T24:30:00Z",
        "2026-03-01T09:30:00+08:00\n",
        "\u0662026-03-01T09:30:00Z",
        "",
    ],
)
def test_anything_but_a_full_rfc3339_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_a_naive_datetime_is_refused_everywhere() -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001
    for use in (to_micros, rfc3339, day_of, ManualClock):
        with pytest.raises(ValueError, match="time zone"):
            use(naive)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=8))))
    assert clock.now() == clock.now() == datetime(2026, 3, 1, tzinfo=UTC)
    clock.advance(timedelta(days=1))
    assert clock.now() == datetime(2026, 3, 2, tzinfo=UTC)
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2020


def test_a_clock_that_is_set_is_told_from_time_that_passes() -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    drift = Drift(clock)
    clock.advance(timedelta(days=40))
    assert drift.seconds() == 0
    clock.set(clock.now() + timedelta(hours=1))
    assert drift.seconds() == 3600
    clock.set(clock.now() - timedelta(hours=3))
    clock.advance(timedelta(seconds=5))
    assert drift.seconds() == -7200
    assert abs(Drift(SystemClock()).seconds()) < 1


def test_the_system_clock_is_shifted_by_its_offset() -> None:
    ahead = SystemClock(timedelta(days=3)).now() - SystemClock().now()
    assert timedelta(days=3) - timedelta(seconds=5) < ahead < timedelta(days=3, seconds=5)
