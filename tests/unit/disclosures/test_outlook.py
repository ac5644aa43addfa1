"""What is owed leaves in the order of its last days; what cannot be kept at its target's pace is known before."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.channels import QuietHours
from gateway.rooms.disclosures.outlook import Foreseen, Pace, foresee
from gateway.rooms.disclosures.records import Owed
from gateway.words.clock import SHANGHAI


def owed(number: int, last_day: date, what: Any = "publication") -> Owed:
    return Owed(f"dsc_{number:03}", "A1", f"{number}号", "city", what, last_day)


BEGINS = datetime(2026, 10, 9, 9, 0, tzinfo=SHANGHAI)


def test_what_is_due_first_leaves_first_and_a_withdrawal_before_a_publication() -> None:
    several = [owed(1, date(2026, 10, 12)), owed(2, date(2026, 10, 9)), owed(3, date(2026, 10, 9), "withdrawal")]
    found = foresee(several, Pace(a_day=2), BEGINS)
    assert [one.owed.id for one in found] == ["dsc_003", "dsc_002", "dsc_001"]
    assert [one.leaves_at.date() for one in found] == [date(2026, 10, 9), date(2026, 10, 9), date(2026, 10, 10)]
    assert all(one.kept for one in found)


@given(st.permutations(range(9)))
def test_no_other_order_makes_the_longest_delay_shorter(order: list[int]) -> None:
    several = [owed(number, date(2026, 10, 9) + timedelta(days=number % 3)) for number in range(9)]

    def delay(found: list[Foreseen]) -> timedelta:
        return max(one.leaves_at.date() - one.owed.last_day for one in found)

    other = [Foreseen(several[number], BEGINS + timedelta(days=place // 2)) for place, number in enumerate(order)]
    assert delay(foresee(several, Pace(a_day=2), BEGINS)) <= delay(other)


def test_hours_in_which_the_target_is_closed_are_waited_for() -> None:
    night = Pace(rate=3 / 3600, quiet=(QuietHours(time(17), time(9)),))
    found = foresee([owed(number, date(2026, 10, 9)) for number in range(10)], night, BEGINS)
    assert [one.kept for one in found] == [True] * 8 + [False] * 2, "eight hours, a record an hour"
    assert found[8].leaves_at == datetime(2026, 10, 10, 9, 0, tzinfo=SHANGHAI)
