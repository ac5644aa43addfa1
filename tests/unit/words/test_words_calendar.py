"""Working days are right where published, and visibly provisional where not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.calendar import Judged, WorkingCalendar

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


def test_fixed_statutory_days_are_off_even_in_a_provisional_year() -> None:
    for day in (date(2027, 1, 1), date(2029, 5, 1), date(2029, 10, 2)):
        assert calendar.is_working(day) == Judged(False, provisional=True)


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
