"""Working days are right where published, and visibly provisional where not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.calendar import Judged, WorkingCalendar, _festivals, statutory_days

calendar = WorkingCalendar()


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-02-12", 7, "2026-02-28"),
        ("2026-09-21", 7, "2026-10-08"),
        ("2026-04-28", 20, "2026-05-28"),
        ("2026-09-24", 3, "2026-09-30"),
        ("2026-01-01", 3, "2026-01-06"),
        ("2025-09-26", 7, "2025-10-13"),
    ],
)
def test_working_days_are_counted_over_holidays_and_swap_days(start: str, days: int, end: str) -> None:
    counted = calendar.add_working_days(date.fromisoformat(start), days)
    assert counted == Judged(date.fromisoformat(end), provisional=False)


@pytest.mark.parametrize("swap", ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"])
def test_swap_days_of_2026_are_worked(swap: str) -> None:
    assert calendar.is_working(date.fromisoformat(f"2026-{swap}")) == Judged(True, provisional=False)


def test_fifteen_days_from_receipt_end_after_the_holiday_they_would_fall_into() -> None:
    assert calendar.due_after(date(2026, 9, 16), 15) == Judged(date(2026, 10, 8), provisional=False)
    assert calendar.due_after(date(2026, 3, 2), 15) == Judged(date(2026, 3, 17), provisional=False)


def test_a_count_that_leaves_the_published_years_says_so() -> None:
    assert calendar.add_working_days(date(2026, 12, 28), 7).provisional
    assert calendar.due_after(date(2026, 12, 20), 15).provisional
    assert not calendar.due_after(date(2026, 12, 10), 15).provisional
    assert calendar.is_working(date(2003, 6, 2)).provisional


def test_statutory_days_of_2027_and_2028_are_known_before_their_notice() -> None:
    assert sorted(f"{day:%m-%d}" for day in statutory_days(2027)) == [
        *("01-01", "02-05", "02-06", "02-07", "02-08", "04-05", "05-01", "05-02", "06-09", "09-15"),
        *("10-01", "10-02", "10-03"),
    ]
    lunar = {date(2028, 1, day) for day in (25, 26, 27, 28)} | {date(2028, 4, 4), date(2028, 5, 28), date(2028, 10, 3)}
    assert lunar < statutory_days(2028)
    assert len(statutory_days(2028)) == 12, "Mid-Autumn lies inside the National Day"
    assert len(statutory_days(2051)) == 6, "beyond the table only days of the solar calendar are known"


@given(st.dates(date(2027, 1, 1), date(2050, 12, 31)))
def test_no_provisional_day_that_the_law_frees_is_worked(day: date) -> None:
    assert calendar.is_working(day) == Judged(day.weekday() < 5 and day not in statutory_days(day.year), True)


@pytest.mark.parametrize("year", range(2026, 2051))
def test_the_festivals_of_the_table_stand_by_the_moon_and_the_sun(year: int) -> None:
    """Independent of any table: mean new moons (Meeus, Astronomical Algorithms, 49.1) are within a day of the true."""
    spring, qingming, dragon_boat, mid_autumn = (date.fromisoformat(f"{year}-{day}") for day in _festivals()[str(year)])
    for day, number in ((spring, 1), (dragon_boat, 5), (mid_autumn, 15)):
        first = (day - timedelta(days=number - 1)).toordinal() + 1721424.5 - 8 / 24  # the Julian day of its midnight
        past = (first - 2451550.09766) % 29.530588861
        assert min(past, 29.530588861 - past) < 1.6, (day, past)
    assert date(year, 1, 21) <= spring <= date(year, 2, 20)
    assert date(year, 4, 4) <= qingming <= date(year, 4, 6)
    assert round((dragon_boat - spring).days / 29.53) in (4, 5), "five with a leap month"
    assert (mid_autumn - dragon_boat).days in range(97, 102) or (mid_autumn - dragon_boat).days in range(126, 131)


def test_the_published_year_frees_every_statutory_day() -> None:
    assert not any(calendar.is_working(day).value for day in statutory_days(2026))


@pytest.mark.parametrize(
    ("received", "last"),
    [
        *(("2027-01-21", "2027-02-09"), ("2027-01-22", "2027-02-09"), ("2027-01-24", "2027-02-09")),
        *(("2027-03-21", "2027-04-06"), ("2027-04-16", "2027-05-03"), ("2027-05-25", "2027-06-10")),
        *(("2027-08-31", "2027-09-16"), ("2027-09-16", "2027-10-04")),
        *(("2028-01-10", "2028-01-31"), ("2028-03-20", "2028-04-05"), ("2028-05-13", "2028-05-29")),
    ],
)
def test_fifteen_days_in_a_year_without_a_notice_never_end_on_a_statutory_day(received: str, last: str) -> None:
    assert calendar.due_after(date.fromisoformat(received), 15) == Judged(date.fromisoformat(last), provisional=True)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [("2027-01-29", 7, "2027-02-11"), ("2027-01-29", 20, "2027-03-02"), ("2027-06-04", 3, "2027-06-10")],
)
def test_working_days_of_a_year_without_a_notice_pass_over_statutory_days(start: str, days: int, end: str) -> None:
    counted = calendar.add_working_days(date.fromisoformat(start), days)
    assert counted == Judged(date.fromisoformat(end), provisional=True)


def test_days_in_lieu_of_a_published_notice_move_the_last_day_on() -> None:
    lieu = {date(2027, 2, 9), date(2027, 2, 10)}
    published = WorkingCalendar(dict.fromkeys(statutory_days(2027) | lieu, False), {2027})
    assert published.due_after(date(2027, 1, 22), 15) == Judged(date(2027, 2, 11), provisional=False)


def test_a_region_has_days_of_its_own_over_those_of_all_and_makes_no_year_certain() -> None:
    local = calendar.with_local(WorkingCalendar({date(2026, 8, 12): False, date(2027, 3, 3): False}, {2026, 2027}))
    assert local.is_working(date(2026, 8, 12)) == Judged(False, provisional=False)
    assert local.is_working(date(2026, 2, 28)) == Judged(True, provisional=False), "swap days of all stay"
    assert local.is_working(date(2027, 3, 4)).provisional
    assert local.first_difference(calendar) == date(2026, 8, 12)


def test_the_first_day_that_a_notice_changes_is_found() -> None:
    notice = WorkingCalendar(dict.fromkeys(statutory_days(2027), False), {2027})
    assert calendar.first_difference(notice) == notice.first_difference(calendar) == date(2027, 1, 1), "it is certain"
    corrected = WorkingCalendar(dict.fromkeys(statutory_days(2027) | {date(2027, 2, 9)}, False), {2027})
    assert corrected.first_difference(notice) == date(2027, 2, 9)
    assert notice.first_difference(notice) is None


def test_the_first_day_of_difference_is_that_of_a_region_where_it_comes_before_the_notice() -> None:
    notice = WorkingCalendar({date(2027, 1, 3): True}, {2027})
    region = calendar.with_local(WorkingCalendar({date(2026, 8, 12): False}))
    assert notice.first_difference(region) == region.first_difference(notice) == date(2026, 8, 12)
    assert notice.first_difference(calendar) == date(2027, 1, 1), "certain, and no swap day of the notice"


@pytest.mark.parametrize("told", [1, 200, 364])
def test_of_a_year_without_its_notice_whose_first_days_are_told_singly_the_next_one_differs(told: int) -> None:
    notice = WorkingCalendar({}, {2027})
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(told)]
    singly = WorkingCalendar({day: notice.is_working(day).value for day in days})
    assert singly.first_difference(notice) == days[-1] + timedelta(days=1)


def test_days_of_a_region_leave_a_year_certain_whose_notice_is_loaded() -> None:
    notice = WorkingCalendar(dict.fromkeys(statutory_days(2027), False), {2027})
    local = notice.with_local(WorkingCalendar({date(2027, 3, 3): False}))
    assert local.is_working(date(2027, 3, 4)) == Judged(True, provisional=False)


@pytest.mark.parametrize(
    ("today", "wanting"),
    [
        ("2026-01-01", []),
        ("2026-09-30", []),
        ("2026-10-01", [2027]),
        ("2027-01-01", [2027]),
        ("2027-09-30", [2027]),
        ("2027-10-01", [2027, 2028]),
    ],
)
def test_the_notice_of_the_next_year_is_missed_from_october_on(today: str, wanting: list[int]) -> None:
    assert calendar.unknown_years(date.fromisoformat(today)) == wanting
    notice = WorkingCalendar({}, {2027})
    assert notice.unknown_years(date.fromisoformat(today)) == [year for year in wanting if year != 2027]


def test_a_year_is_known_by_its_notice_and_by_no_single_day() -> None:
    assert (calendar.knows(2026), calendar.knows(2027)) == (True, False)
    assert WorkingCalendar({}, {2027}).knows(2027)
    assert not calendar.with_local(WorkingCalendar({date(2027, 6, 1): False})).knows(2027)


def test_a_count_through_a_year_without_a_notice_is_provisional_wherever_it_ends() -> None:
    later = WorkingCalendar({}, {2028})
    assert later.add_working_days(date(2027, 12, 30), 3) == Judged(date(2028, 1, 4), provisional=True)
    assert later.roll_forward(date(2027, 12, 31)).provisional
    assert WorkingCalendar({}, {2029}).roll_forward(date(2028, 12, 30)) == Judged(date(2029, 1, 2), provisional=True)


def test_an_override_wins_over_published_data_and_is_certain() -> None:
    local = WorkingCalendar({date(2026, 3, 3): False, date(2027, 1, 4): True})
    assert local.is_working(date(2026, 3, 3)) == Judged(False, provisional=False)
    assert local.is_working(date(2027, 1, 4)) == Judged(True, provisional=False)
    assert local.is_working(date(2027, 1, 5)).provisional


def test_a_year_loaded_from_a_file_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "days.json"
    file.write_text(json.dumps({"2027": {"holidays": ["2027-01-01"], "workdays": ["2027-01-03"]}}), encoding="utf-8")
    local = WorkingCalendar.load(file)
    assert local.is_working(date(2027, 1, 3)) == Judged(True, provisional=False)
    assert local.add_working_days(date(2026, 12, 28), 7) == Judged(date(2027, 1, 6), provisional=False)
    assert local.is_working(date(2028, 1, 3)).provisional


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"2027": {"holidays": []}},
        {"2027": {"holidays": ["2028-01-01"], "workdays": []}},
        {"2027": {"holidays": ["2027-13-01"], "workdays": []}},
        {"2027": {"holidays": ["2027-01-01"], "workdays": ["2027-01-01"]}},
    ],
)
def test_a_contradictory_file_of_days_is_refused(tmp_path: Path, document: object) -> None:
    file = tmp_path / "days.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError):
        WorkingCalendar.load(file)


days = st.dates(date(2005, 1, 1), date(2030, 12, 31))


@given(days, st.integers(0, 30))
def test_exactly_the_counted_working_days_lie_between_start_and_end(start: date, n: int) -> None:
    end = calendar.add_working_days(start, n)
    span = [start + timedelta(days=i) for i in range(1, (end.value - start).days + 1)]
    assert sum(calendar.is_working(day).value for day in span) == n
    assert end.provisional == any(calendar.is_working(day).provisional for day in span)


@given(days)
def test_rolling_forward_ends_on_a_working_day_and_skips_none(day: date) -> None:
    rolled = calendar.roll_forward(day)
    assert calendar.is_working(rolled.value).value
    assert not any(calendar.is_working(day + timedelta(days=i)).value for i in range((rolled.value - day).days))


@given(days, st.integers(0, 90), st.sampled_from(["calendar", "working"]))
def test_no_term_ends_on_a_day_off_of_the_calendar_it_is_counted_by(start: date, n: int, count: str) -> None:
    local = calendar.with_local(WorkingCalendar({start + timedelta(days=n): False}, ()))
    for by in (calendar, local):
        last = by.due_after(start, n) if count == "calendar" else by.add_working_days(start, n or 1)
        assert by.is_working(last.value).value
        assert last.value not in statutory_days(last.value.year) or not last.provisional
